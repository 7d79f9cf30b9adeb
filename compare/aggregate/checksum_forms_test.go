package aggregate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"paritygate/compare/aggregate"
)

// pairs are two types with literals of the same value, and one of another for new.
var pairs = []struct{ name, oldType, newType, old, new, other string }{
	{"ints", "smallint", "bigint", "-7", "-7", "-8"},
	{"int and numeric", "int", "numeric(12,4)", "5", "5.0000", "5.0001"},
	{"numeric scales", "numeric(10,2)", "numeric(14,4)", "10.50", "10.5000", "10.5001"},
	{"numeric without a scale", "numeric", "numeric", "100", "1e2", "100.000000000000000000001"},
	{"numeric of one scale", "numeric(10,2)", "numeric(10,2)", "0.10", "0.1", "0.11"},
	{"numeric NaN", "numeric", "numeric(9,1)", "'NaN'", "'NaN'", "0"},
	{"doubles", "float8", "float8", "0.1", "0.1", "0.1 + 1e-17::float8 + 1e-16::float8"},
	{"negative zero", "float8", "float8", "'-0'", "'0'", "1"},
	{"reals", "float4", "float4", "0.1", "0.1", "0.10000001"},
	{"real and double", "float4", "float8", "1234567.5", "1234567.5", "1234567"},
	{"double and numeric", "float8", "numeric", "1e20", "100000000000000000000.00", "100000000000000000001"},
	{"double infinity", "float8", "numeric", "'Infinity'", "'Infinity'", "'-Infinity'"},
	{"money", "money", "numeric(12,4)", "12.34", "12.34", "12.3401"},
	{"text and varchar", "text", "varchar(20)", "'ä b '", "'ä b '", "'ä b'"},
	{"char and text", "char(8)", "text", "'ab'", "'ab'", "'a b'"},
	{"char and padded text", "char(4)", "varchar(9)", "'ab'", "'ab  '", "' ab'"},
	{"chars", "char(4)", "char(9)", "'ab'", "'ab'", "'abc'"},
	{"name", "name", "text", "'n'", "'n'", "'m'"},
	{"bools", "bool", "bool", "true", "true", "false"},
	{"bool and int", "bool", "int", "true", "1", "0"},
	{"bool and a letter", "bool", "char(1)", "false", "'F'", "'T'"},
	{"bool and a word", "bool", "text", "true", "'yes'", "'maybe'"},
	{"uuids", "uuid", "uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'"},
	{"uuid and text", "uuid", "text", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'"},
	{"enums", "color", "hue", "'red'", "'red'", "'blue'"},
	{"enum and text", "color", "text", "'red'", "'red'", "'Red'"},
	{"enum arrays", "color[]", "hue[]", "'{red}'", "'{red}'", "'{blue}'"},
	{"int and text", "int", "text", "7", "'7'", "'07'"},
	{"domain", "price", "numeric", "7.10", "7.1", "7.11"},
	{"dates", "date", "date", "'2026-02-01'", "'2026-02-01'", "'2026-01-02'"},
	{"date and timestamp", "date", "timestamp", "'2026-02-01'", "'2026-02-01'", "'2026-02-01 00:00:00.000001'"},
	{"date and timestamptz", "date", "timestamptz", "'2026-02-01'", "'2026-02-01 01:00+01'", "'2026-02-01 00:00+01'"},
	{"timestamps", "timestamp", "timestamp(3)", "'2026-02-01 12:00:00.123499'", "'2026-02-01 12:00:00.123'", "'2026-02-01 12:00:00.124'"},
	{"timestamptz", "timestamptz(0)", "timestamptz", "'2026-02-01 12:00:00.6Z'", "'2026-02-01 14:00:00.6+02'", "'2026-02-01 12:00:00.4Z'"},
	{"timestamp and timestamptz", "timestamp", "timestamptz", "'2026-02-01 12:00'", "'2026-02-01 12:00Z'", "'2026-02-01 11:00Z'"},
	{"infinite timestamps", "timestamp", "timestamptz", "'infinity'", "'infinity'", "'-infinity'"},
	{"times", "time", "time(0)", "'12:00:00.2'", "'12:00'", "'12:01'"},
	{"intervals", "interval", "interval", "'1 day'", "'1 day'", "'24 hours'"},
	{"bytea", "bytea", "bytea", `'\x00ff'`, `'\x00ff'`, `'\x00fe'`},
	{"json and jsonb", "json", "jsonb", `'{"b": 1.0, "a": [1,2]}'`, `'{"a":[1,2],"b":1}'`, `'{"a":[2,1],"b":1}'`},
	{"jsons", "json", "json", `'{"b": 1, "a": null}'`, `'{"a":null, "b":1e0}'`, `'{"b":1}'`},
	{"text and jsonb", "text", "jsonb", `'{"b": 1 }'`, `'{"b":1}'`, `'{"b":"1"}'`},
	{"arrays of ints", "int[]", "bigint[]", "'{1,NULL,3}'", "'{1,NULL,3}'", "'{1,3}'"},
	{"arrays of numerics", "numeric(9,2)[]", "numeric[]", "'{1.50,2}'", "'{1.5,2.000}'", "'{1.5,2.001}'"},
	{"arrays of texts", "text[]", "varchar(9)[]", `'{a,"b,c",""}'`, `'{a,"b,c",""}'`, `'{a,b,c,""}'`},
	{"arrays of times", "timestamptz(3)[]", "timestamptz[]", "'{2026-02-01 12:00:00.1234Z}'", "'{2026-02-01 13:00:00.1234+01}'", "'{2026-02-01 12:00:00.1244Z}'"},
	{"arrays of chars", "char(3)[]", "text[]", "'{a,b}'", "'{a,b}'", "'{a,c}'"},
	{"ranges", "int4range", "int4range", "'[1,5)'", "'[1,4]'", "'[1,5]'"},
	{"addresses", "inet", "inet", "'10.0.0.1'", "'10.0.0.1/32'", "'10.0.0.2'"},
	{"bits", "bit(3)", "bit(3)", "B'101'", "B'101'", "B'100'"},
	{"NULL", "text", "varchar", "NULL", "NULL", "''"},
	{"the text NULL", "text", "varchar", "'NULL'", "'NULL'", "NULL"},
	{"quotes and commas", "text", "varchar", `'a","b'`, `'a","b'`, `'a,"b'`},
}

func TestChecksumComparesAcrossTypes(t *testing.T) {
	types := "CREATE TYPE color AS ENUM ('red', 'blue'); CREATE TYPE hue AS ENUM ('blue', 'red'); CREATE DOMAIN price AS numeric(9,2) CHECK (value > 0);"
	var columns, values [2][]string
	for i, p := range pairs {
		for side, kind := range []string{p.oldType, p.newType} {
			columns[side] = append(columns[side], fmt.Sprintf("c%d %s", i, kind))
			values[side] = append(values[side], []string{p.old, p.new}[side])
		}
	}
	make := func(side int) string {
		return types + "CREATE TABLE pairs (id int PRIMARY KEY, " + strings.Join(columns[side], ", ") + "); INSERT INTO pairs VALUES (1, " +
			strings.Join(values[side], ", ") + ");"
	}
	oldDB, newDB := server.Database(t, "forms_old", make(0)), server.Database(t, "forms_new", make(1))
	// In both directions: a form is made for each side.
	there := aggregate.Options{Old: aggregate.Database{DSN: oldDB}, New: aggregate.Database{DSN: newDB}, Checks: []aggregate.Check{checksumOf("pairs")}}
	back := there
	back.Old, back.New = there.New, there.Old
	for _, o := range []aggregate.Options{there, back} {
		verify(t, runNow(t, start(t, o), "pairs", aggregate.Mode{}), aggregate.Pass, 0, "all of them are equal")
	}
	var inserts [2]strings.Builder
	for i, p := range pairs {
		other := slices.Clone(values[1])
		other[i] = p.other
		for side, row := range [][]string{values[0], other} {
			fmt.Fprintf(&inserts[side], "INSERT INTO pairs VALUES (%d, %s);", i+100, strings.Join(row, ", "))
		}
	}
	server.Run(t, "forms_old", inserts[0].String())
	server.Run(t, "forms_new", inserts[1].String())
	for n, o := range []aggregate.Options{there, back} {
		got := runNow(t, start(t, o), "pairs", aggregate.Mode{})
		seen := map[string]string{}
		for _, d := range got.Differences {
			seen[d.Key] = show(d.Old) + " | " + show(d.New)
		}
		for i, p := range pairs {
			said := seen[fmt.Sprintf("id=%d", i+100)]
			if column := fmt.Sprintf("c%d=", i); !strings.HasPrefix(said, column) || strings.Count(said, column) != 2 || strings.Count(said, "=") != 2 {
				t.Errorf("%s (%d): found %q", p.name, n, said)
			}
		}
	}
}
