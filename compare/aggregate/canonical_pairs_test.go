package aggregate_test

import (
	"fmt"
	"strings"
	"testing"

	"paritygate/compare/aggregate"
)

// typedPairs are a value of old and one of new, each as SQL, and how they must compare: “ for equal, a kind of difference,
// or `no` for types that cannot be compared.
var typedPairs = []struct{ old, new, want string }{
	// Numbers: by value, whatever the type and the scale.
	{"17::int2", "17::int8", ""},
	{"17::int4", "17::numeric", ""},
	{"17::int4", "18::int8", "value"},
	{"12.50::numeric(5,2)", "12.5000::numeric(10,4)", ""},
	{"12.50::numeric(5,2)", "12.5001::numeric(10,4)", "value"},
	{"9007199254740993::int8", "9007199254740992::numeric", "value"},
	{"-0.00::numeric", "0::int4", ""},
	{"1e40::numeric", "10000000000000000000000000000000000000000::numeric", ""},
	{"17::oid", "17::int4", ""},
	{"'1,234.50'::money", "1234.5::numeric", ""},
	{"'-0.01'::money", "'-0.01'::money", ""},
	{"'1,234.50'::money", "1234.51::numeric", "value"},
	// Floating point: up to 10⁻¹², or 2·10⁻⁷ where one is real; ids and milliseconds in it are exact.
	{"0.1::float8 + 0.2::float8", "0.3::float8", ""},
	{"0.1::float8 + 0.2::float8", "0.3::numeric", ""},
	{"1::float8", "1.000000000001::float8", ""},
	{"1::float8", "1.000000000002::float8", "value"},
	{"1234567890.01::float8", "1234567890.02::float8", "value"},
	{"1234567890::float8", "1234567891::float8", "value"},
	{"1767225600000::float8", "1767225600001::float8", "value"},
	{"9007199254740992::float8", "9007199254740994::float8", ""},
	{"1234567::float4", "1234568::float4", "value"},
	{"0.1::float4", "0.1::numeric", ""},
	{"0.1::float4", "0.1::float4::float8", ""},
	{"1::float4", "1.00001::float8", "value"},
	{"1e300::float8", "1e300::numeric", ""},
	{"1e-300::float8", "1e-300::numeric", ""},
	{"'-0'::float8", "0::float8", ""},
	{"'NaN'::float8", "'NaN'::numeric", ""},
	{"'NaN'::float8", "0::float8", "value"},
	{"'Infinity'::float4", "'Infinity'::float8", ""},
	{"'Infinity'::float8", "'-Infinity'::float8", "value"},
	{"'Infinity'::float8", "1.7e308::float8", "value"},
	// Texts: by bytes; the padding of char(n) is none of them.
	{"'Größe'::text", "'Größe'::varchar(20)", ""},
	{"'ab'::char(10)", "'ab'::varchar(10)", ""},
	{"'ab'::char(10)", "'ab'::char(4)", ""},
	{"'ab '::varchar(10)", "'ab'::text", "value"},
	{"'ab '::varchar(10)", "'ab'::char(10)", ""},
	{"' ab'::char(10)", "'ab'::text", "value"},
	{"'AB'::text", "'ab'::text", "value"},
	{"U&'e\\0301'::text", "U&'\\00e9'::text", "value"},
	{"'ab'::name", "'ab'::text", ""},
	{"'a'::\"char\"", "'a'::char(1)", ""},
	{"'open'::mood", "'open'::text", ""},
	{"'open'::mood", "'closed'::mood", "value"},
	{"'x'::citext", "'X'::citext", "value"},
	{"'x'::citext", "'x'::text", ""},
	{"''::text", "NULL::varchar", "missing"},
	{"NULL::int", "0::int8", "extra"},
	{"NULL::int", "NULL::text", ""},
	// A number and a text: as JSON writes it.
	{"17::int4", "'17'::text", ""},
	{"17.50::numeric", "'17.5'::varchar(9)", ""},
	{"'17'::char(5)", "17::int8", ""},
	{"17::int4", "'18'::text", "value"},
	{"17::int4", "'017'::text", "type"},
	{"17::int4", "' 17'::text", "type"},
	{"0::int4", "''::text", "type"},
	{"17::int4", "'seventeen'::text", "type"},
	{"'NaN'::float8", "'NaN'::text", ""},
	// Booleans, and what other databases have in their stead.
	{"true", "true", ""},
	{"true", "false", "value"},
	{"true", "'true'::text", ""},
	{"false", "'FALSE'::text", ""},
	{"true", "'t'::char(1)", ""},
	{"true", "'YES'::text", ""},
	{"false", "'0'::text", ""},
	{"true", "'ja'::text", "type"},
	{"1::int2", "true", ""},
	{"0::int2", "false", ""},
	{"1::int2", "false", "value"},
	{"2::int2", "true", "type"},
	// UUIDs: by value.
	{"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", ""},
	{"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::char(40)", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", ""},
	{"'{a0eebc999c0b4ef8bb6d6bb9bd380a11}'::text", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", ""},
	{"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'::text", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "value"},
	{"'a0eebc99'::text", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "type"},
	// Moments: to the microsecond, in UTC.
	{"timestamptz '2026-01-01 12:00+02'", "timestamptz '2026-01-01 10:00Z'", ""},
	{"timestamp '2026-01-01 10:00'", "timestamptz '2026-01-01 12:00+02'", ""},
	{"timestamp '2026-01-01 12:00'", "timestamptz '2026-01-01 12:00+02'", "value"},
	{"timestamp(0) '2026-01-01 10:00:00'", "timestamptz '2026-01-01 10:00:00.000000Z'", ""},
	{"timestamptz(3) '2026-01-01 10:00:00.120Z'", "timestamptz '2026-01-01 10:00:00.12Z'", ""},
	{"timestamptz '2026-01-01 10:00:00.000001Z'", "timestamptz '2026-01-01 10:00:00Z'", "value"},
	{"timestamptz(3) '2026-01-01 10:00:00.123Z'", "timestamptz '2026-01-01 10:00:00.1234Z'", ""},
	{"timestamptz(3) '2026-01-01 10:00:00.123Z'", "timestamptz '2026-01-01 10:00:00.1236Z'", "value"},
	{"timestamp(0) '2026-01-01 00:00:00'", "timestamptz '2025-12-31 23:59:59.5Z'", ""},
	{"time(0) '10:00:01'", "time '10:00:00.9'", ""},
	{"ARRAY[timestamp '2026-01-01 10:00:01']::timestamp(0)[]", "ARRAY[timestamp '2026-01-01 10:00:00.9']", ""},
	{"date '2026-01-01'", "timestamp '2026-01-01 00:00'", ""},
	{"date '2026-01-01'", "timestamptz '2026-01-01 00:00Z'", ""},
	{"date '2026-01-01'", "timestamp '2026-01-01 00:01'", "value"},
	{"date '2026-01-01'", "date '2026-01-02'", "value"},
	{"timestamp 'infinity'", "timestamptz 'infinity'", ""},
	{"date '-infinity'", "timestamp 'infinity'", "value"},
	{"date '0044-03-15 BC'", "timestamptz '0044-03-15 00:00Z BC'", ""},
	{"date '0044-03-15 BC'", "date '0044-03-15'", "value"},
	{"timestamp '12026-01-01 10:00'", "timestamptz '12026-01-01 10:00Z'", ""},
	{"'2026-01-01T10:00:00.5Z'::text", "timestamptz '2026-01-01 10:00:00.5Z'", ""},
	{"'2026-01-01T12:00:00+02:00'::text", "timestamptz '2026-01-01 10:00Z'", ""},
	{"'2026-01-01'::varchar(10)", "date '2026-01-01'", ""},
	{"'2026-01-01 10:00:00'::text", "timestamptz '2026-01-01 10:00Z'", ""},
	{"'2026-01-01 10:00:01'::text", "timestamptz '2026-01-01 10:00Z'", "value"},
	{"'yesterday'::text", "timestamptz '2026-01-01 10:00Z'", "type"},
	{"'2026-02-30'::text", "date '2026-03-02'", "type"},
	{"time '10:00:00.5'", "timetz '10:00:00.500+00'", ""},
	{"time '10:00'", "timetz '10:00+02'", "value"},
	{"interval '1 day 02:00'", "interval '1 day 2 hours'", ""},
	{"interval '12 months'", "interval '1 year'", ""},
	{"interval '1 day'", "interval '24 hours'", "value"},
	{"interval '1 day'", "'P1D'::text", ""},
	// Documents: by meaning.
	{`'{"a": 1, "b": [1, 2]}'::json`, `'{"b": [1, 2], "a": 1.0}'::jsonb`, ""},
	{`'{"a": 1}'::text`, `'{"a":1}'::jsonb`, ""},
	{`'[1, 2]'::jsonb`, `'[2, 1]'::jsonb`, "value"},
	{`'{"a": null}'::jsonb`, `'{}'::jsonb`, "missing"},
	{`'1'::jsonb`, `'"1"'::jsonb`, "type"},
	{`'null'::jsonb`, `NULL::jsonb`, "missing"},
	{`'not json'::text`, `'{"a":1}'::jsonb`, "type"},
	{`''::text`, `'{"a":1}'::jsonb`, "type"},
	// Bytes, addresses, bits, and what has one form only.
	{`'\x00ff'::bytea`, `'\x00ff'::bytea`, ""},
	{`'\x00ff'::bytea`, `'\x00fe'::bytea`, "value"},
	{"'10.0.0.1'::inet", "'10.0.0.1/32'::cidr", ""},
	{"'10.0.0.0/8'::inet", "'10.0.0.0/8'::cidr", ""},
	{"'2001:DB8::1'::text", "'2001:db8:0::1'::inet", ""},
	{"'10.0.0.1'::inet", "'10.0.0.2'::inet", "value"},
	{"B'101'", "B'101'::varbit", ""},
	{"int4range(1, 5)", "int4range(1, 4, '[]')", ""},
	{"'<a>1</a>'::xml", "'<a>1</a>'::text", ""},
	// Arrays: element by element.
	{"ARRAY[1, 2]::int4[]", "ARRAY[1, 2]::int8[]", ""},
	{"ARRAY[1.50, NULL]::numeric(5,2)[]", "ARRAY[1.5, NULL]::numeric[]", ""},
	{"ARRAY[1, 2]", "ARRAY[2, 1]", "value"},
	{"ARRAY[1, 2]", "ARRAY[1]", "value"},
	{"ARRAY[1]", "'{}'::int[]", "value"},
	{"ARRAY[NULL]::text[]", "ARRAY['NULL']::text[]", "value"},
	{`ARRAY['a "b"', 'c,d', '', 'e\f']::text[]`, `ARRAY['a "b"', 'c,d', '', 'e\f']::varchar(9)[]`, ""},
	{"ARRAY[0.1::float8 + 0.2::float8]", "ARRAY[0.3::float8]", ""},
	{"ARRAY[timestamp '2026-01-01 10:00']", "ARRAY[timestamptz '2026-01-01 10:00Z']", ""},
	{"ARRAY[[1, 2], [3, 4]]", "ARRAY[[1, 2], [3, 4]]::numeric[]", ""},
	{"ARRAY[[1, 2], [3, 4]]", "ARRAY[1, 2, 3, 4]", "value"},
	{"'[0:1]={1,2}'::int[]", "ARRAY[1, 2]", "value"},
	{`ARRAY['{"a": 1, "b": 2}']::json[]`, `ARRAY['{"b": 2, "a": 1}']::jsonb[]`, ""},
	{"ARRAY['open']::mood[]", "ARRAY['open']::text[]", ""},
	// What nobody can compare.
	{"now()", "5", "no"},
	{"'\\x00'::bytea", "'a'::text", "no"},
	{"true", "now()", "no"},
	{"'{}'::jsonb", "5", "no"},
	{"ARRAY[1]", "5", "no"},
	{"ARRAY[now()]", "ARRAY[1]", "no"},
	{"int4range(1, 5)", "int8range(1, 5)", "no"},
	{"interval '1 day'", "time '10:00'", "no"},
	{"gen_random_uuid()", "7", "no"},
}

// TestPairsOfTypes compares all of them at once, a pair a column, and then the other way round.
func TestPairsOfTypes(t *testing.T) {
	const own = "CREATE TYPE mood AS ENUM ('open', 'closed'); CREATE EXTENSION citext"
	oldDSN, newDSN := server.Database(t, "pairs_old", own), server.Database(t, "pairs_new", own)
	var checks []aggregate.Check
	columns := [2][]string{{"1 AS id"}, {"1 AS id"}}
	for i, pair := range typedPairs {
		name := fmt.Sprintf("c%d", i)
		if pair.want == "no" {
			checks = append(checks, rowsOf(name, "SELECT 1 AS id, "+pair.old+" AS v", "SELECT 1 AS id, "+pair.new+" AS v"))
			continue
		}
		columns[0] = append(columns[0], pair.old+" AS "+name)
		columns[1] = append(columns[1], pair.new+" AS "+name)
	}
	old, new := "SELECT "+strings.Join(columns[0], ", "), "SELECT "+strings.Join(columns[1], ", ")
	checks = append(checks, rowsOf("forth", old, new), rowsOf("back", new, old))
	r := start(t, aggregate.Options{Old: aggregate.Database{DSN: oldDSN}, New: aggregate.Database{DSN: newDSN}, Checks: checks})
	mirrored := map[string]string{"missing": "extra", "extra": "missing"}
	for _, run := range []string{"forth", "back"} {
		result := runNow(t, r, run, aggregate.Mode{Strict: true})
		if result.Verdict != aggregate.Fail {
			t.Fatalf("%s: %s", result.Verdict, result.Reason)
		}
		found := map[string]string{}
		for _, d := range result.Differences {
			found[strings.Fields(d.Key)[1]] = string(d.Kind)
		}
		for i, pair := range typedPairs {
			want := pair.want
			if run == "back" && mirrored[want] != "" {
				want = mirrored[want]
			}
			if got := found[fmt.Sprintf("c%d", i)]; pair.want != "no" && got != want {
				t.Errorf("%s: %s and %s: %q, want %q", run, pair.old, pair.new, got, want)
			}
		}
	}
	for i, pair := range typedPairs {
		if pair.want != "no" {
			continue
		}
		if got := runNow(t, r, fmt.Sprintf("c%d", i), aggregate.Mode{}); got.Verdict != aggregate.Inconclusive || !strings.Contains(got.Reason, "column v: ") {
			t.Errorf("%s and %s: %s %s", pair.old, pair.new, got.Verdict, got.Reason)
		}
	}
}
