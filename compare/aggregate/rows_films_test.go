package aggregate_test

import (
	"slices"
	"strings"
	"testing"

	"paritygate/compare/aggregate"
)

// A table in the manner of Sakila, and the one that it was migrated to: other names, wider numbers, a boolean for a tinyint, a
// text for an enum, a zone for the timestamp.
const (
	oldFilms = `
		CREATE DOMAIN year AS integer CHECK (VALUE > 1900);
		CREATE TYPE mpaa AS ENUM ('G', 'PG', 'NC-17');
		CREATE TABLE film (
			film_id smallint PRIMARY KEY, title varchar(20), release_year year, rental_rate numeric(5,2), score real, active smallint,
			rating mpaa, code char(8), features text[], token varchar(36), extra json, last_update timestamp(0));
		INSERT INTO film SELECT i, 'FILM ' || i, 1990 + i % 30, i * 0.99, i / 3.0, i % 2, (enum_range(NULL::mpaa))[i % 3 + 1], 'C' || i, ARRAY['Trailers', 'a,b'],
			upper(md5(i::text)::uuid::text), json_build_object('b', i, 'a', ARRAY[1.50, i]), timestamp '2026-05-01 10:00' + i * interval '1 hour'
			FROM generate_series(1, 200) i;
		UPDATE film SET title = '' WHERE film_id = 7`
	newFilms = `
		CREATE TABLE movie (
			id bigint PRIMARY KEY, label text, release_year int, price numeric(10,4), score double precision, active boolean, rating text, code text,
			features varchar(40)[], token uuid, extra jsonb, updated_at timestamptz);
		INSERT INTO movie SELECT i, 'FILM ' || i, 1990 + i % 30, i * 0.99, (i / 3.0)::real, i % 2 = 1, (ARRAY['G', 'PG', 'NC-17'])[i % 3 + 1], 'C' || i, ARRAY['Trailers', 'a,b'],
			md5(i::text)::uuid, jsonb_build_object('a', ARRAY[1.5, i], 'b', i), timestamptz '2026-05-01 10:00Z' + i * interval '1 hour'
			FROM generate_series(1, 200) i;
		UPDATE movie SET label = '' WHERE id = 7`
	faults = `
		UPDATE movie SET price = price + 0.01 WHERE id = 11;
		UPDATE movie SET updated_at = updated_at - interval '2 hours' WHERE id = 12;
		UPDATE movie SET label = 'FILM 1' WHERE id = 13;
		UPDATE movie SET label = NULL WHERE id = 7;
		UPDATE movie SET extra = jsonb_set(extra, '{a,1}', '15') WHERE id = 14;
		UPDATE movie SET active = NOT active WHERE id = 15;
		UPDATE movie SET score = score * 1.0001 WHERE id = 16;
		UPDATE movie SET features = ARRAY['a,b', 'Trailers'] WHERE id = 17;
		UPDATE movie SET price = (SELECT price FROM movie WHERE id = 19) WHERE id = 18;
		DELETE FROM movie WHERE id = 20;
		INSERT INTO movie (id, label) VALUES (201, 'new')`
)

func TestRowsOfAMigratedTable(t *testing.T) {
	oldDSN, newDSN := server.Database(t, "films_old", oldFilms), server.Database(t, "films_new", newFilms)
	check := rowsOf("films", "SELECT * FROM film ORDER BY film_id", "SELECT * FROM movie ORDER BY id DESC")
	check.Key = []string{"film_id"}
	check.Columns = []aggregate.Column{
		{Old: "film_id", New: "id"}, {Old: "title", New: "label"}, {Old: "rental_rate", New: "price"}, {Old: "last_update", New: "updated_at"},
	}
	r := start(t, aggregate.Options{Old: aggregate.Database{DSN: oldDSN}, New: aggregate.Database{DSN: newDSN}, Checks: []aggregate.Check{check}})
	clean := runNow(t, r, "films", aggregate.Mode{Strict: true})
	if clean.Verdict != aggregate.Pass || !strings.Contains(clean.Reason, "All 200 rows agree") {
		t.Fatalf("a clean pair: %s", told(clean)+clean.Reason)
	}
	server.Run(t, "films_new", faults)
	got := strings.Split(told(runNow(t, r, "films", aggregate.Mode{})), "\n")
	want := []string{
		"fail",
		"missing film_id=7 title:  / <nil>",
		`value film_id=12 last_update: 2026-05-01 22:00:00 / 2026-05-01 20:00:00+00`,
		"value film_id=13 title: FILM 13 / FILM 1",
		"value film_id=14 extra $.a[1]: 14 / 15",
		"value film_id=15 active: 1 / f",
		`value film_id=17 features: {Trailers,"a,b"} / {"a,b",Trailers}`,
		`missing film_id=20: title="FILM 20"`,
		`extra film_id=201: <nil> / title=new release_year=NULL`,
		"value film_id=18 rental_rate: 17.82 / 18.8100",
		"value film_id=11 rental_rate: 10.89 / 10.9000",
		"value film_id=16 score: 5.3333335 / 5.333866",
	}
	if len(got) != len(want) || !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRowsOfAnEndpoint(t *testing.T) {
	const sql = `SELECT i AS id, i = 2 AS done, timestamptz '2026-05-01 10:00Z' + i * interval '1 day' AS at, jsonb_build_object('n', i) AS more, i * 1.50 AS price
		FROM generate_series(1, 2) i`
	tests := []struct{ name, body, want string }{
		{
			"objects", `[{"id": 2, "done": true, "at": "2026-05-03T10:00:00.000Z", "more": {"n": 2.0}, "price": 3}, {"id": 1, "done": false, "at": "2026-05-02T12:00:00+02:00", "more": {"n": 1}, "price": "1.50"}]`,
			"pass",
		},
		{"arrays", `[[1, false, "2026-05-02T10:00:00Z", {"n": 1}, 1.5], [2, true, "2026-05-03T10:00:00Z", {"n": 2}, 3]]`, "pass"},
		{
			"others", `[{"id": 1, "done": false, "at": "2026-05-02T10:00:00Z", "more": {"n": 1}, "price": 1.6}, {"id": 3, "done": null, "at": null, "more": null, "price": null}]`,
			"fail\nmissing id=3: done=NULL at=NULL more=NULL price=NULL / <nil>\n" +
				"extra id=2: <nil> / done=t at=\"2026-05-03 10:00:00+00\" more=\"{\\\"n\\\": 2}\" price=3.00\nvalue id=1 price: 1.6 / 1.50",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, aggregate.Options{OldEndpoint: serve(t, 200, test.body), Checks: []aggregate.Check{web(aggregate.Rows, "$", sql)}})
			got := runNow(t, r, "a", aggregate.Mode{})
			if told(got) != test.want {
				t.Errorf("%s\n%s\nwant %s", told(got), got.Reason, test.want)
			}
		})
	}
}
