package aggregate

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

func TestFoldNumber(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "-0.00": "0", "007": "7", "1.50": "1.5", "100": "100", "1e2": "100", "1.25e1": "12.5", "1.25e+3": "1250",
		"-1.5e-3": "-0.0015", "1e-1": "0.1", "12e-1": "1.2", "0e5": "0", ".5": "0.5", "NaN": "NaN", "-Infinity": "-Infinity",
		"": "?", "-": "?", ".": "?", "1e": "?", "1e9999": "?", "1x": "?", "--1": "?", "1,5": "?",
	} {
		got, ok := foldNumber(value{text: in})
		if !ok {
			got = "?"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestReadMoment(t *testing.T) {
	for in, want := range map[string]string{
		"2026-01-02":                      "2026-01-02 00:00:00",
		"2026-01-02T03:04:05Z":            "2026-01-02 03:04:05",
		"2026-01-02 03:04:05.120+00":      "2026-01-02 03:04:05.12",
		"2026-01-02T03:04:05.000001-0330": "2026-01-02 06:34:05.000001",
		"2026-01-02T03:04:05+14":          "2026-01-01 13:04:05",
		"2026-01-02T03:04:05.123456789Z":  "2026-01-02 03:04:05.123456789",
		"infinity":                        "infinity",
		"0044-03-15 BC":                   "0044-03-15 00:00:00 BC",
		"12026-01-02 03:04:05+00":         "12026-01-02 03:04:05",
		"2026-13-01":                      "?", "2025-02-29": "?", "2026-01-02T24:00:00Z": "?", "2026-01-02T03:04": "?", "2026-1-2": "?", "": "?", "1767323045": "?",
	} {
		got, ok := readMoment(value{text: in})
		if !ok {
			got = "?"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestParseArray(t *testing.T) {
	for in, want := range map[string]string{
		`{}`: "{}", `{1,2}`: "{x,x} 1|2", `{NULL,"NULL"}`: "{x,x} <nil>|NULL", `{{a},{b}}`: "{{x},{x}} a|b", `[0:1]={1,2}`: "[0:1]={x,x} 1|2",
		`{"a \"b\" \\ {,}"}`: `{x} a "b" \ {,}`, `{""}`: "{x} ", `{`: "?", `}`: "?", `{"`: "?", `{"a\`: "?", `1`: "?", ``: "?", `{a`: "?", `{}}`: "?",
	} {
		got := "?"
		if a, ok := parseArray(in); ok {
			var parts []string
			for _, e := range a.elements {
				text := e.text
				if e.null {
					text = "<nil>"
				}
				parts = append(parts, text)
			}
			if got = a.shape; parts != nil {
				got += " " + strings.Join(parts, "|")
			}
		}
		if got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

// oids are one type of each family and some more.
var oids = []uint32{
	pgtype.Int4OID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID, moneyOID, pgtype.BoolOID, pgtype.UUIDOID, pgtype.TimestampOID,
	pgtype.TimestamptzOID, pgtype.DateOID, pgtype.TimeOID, pgtype.IntervalOID, pgtype.JSONBOID, pgtype.ByteaOID, pgtype.InetOID,
	pgtype.VarbitOID, pgtype.TextOID, pgtype.BPCharOID, pgtype.TextArrayOID, pgtype.Int4ArrayOID, pgtype.Float8ArrayOID,
	pgtype.JSONBArrayOID, pgtype.Int4rangeOID, firstOwnOID, 0,
}

// FuzzLikeness holds what must be true of any two texts, whatever types they claim to be of: a comparison never panics, does not
// depend on which side is which, and a value that can be read equals itself; folding what was folded changes nothing.
func FuzzLikeness(f *testing.F) {
	for _, s := range []string{"1", "1.0", "-0", "1e5", "NaN", "t", "true", "2026-01-01", "2026-01-01 10:00:00+00", "{1,2}", `{"a","b"}`, `{"a":1}`, `[1, 2]`, "10.0.0.1/32", "$1,2", "a  ", ""} {
		f.Add(s, "1.0", uint8(0), uint8(1))
		f.Add(s, s, uint8(12), uint8(16))
		f.Add(s, "{1,2}", uint8(18), uint8(20))
	}
	none, _ := Tolerance{}.parse()
	f.Fuzz(func(t *testing.T, x, y string, i, j uint8) {
		a, b := oids[int(i)%len(oids)], oids[int(j)%len(oids)]
		forth, err := alike(column{oid: a}, column{oid: b})
		back, wrong := alike(column{oid: b}, column{oid: a})
		if (err == nil) != (wrong == nil) {
			t.Fatalf("%s and %s: %v, and the other way round %v", typeName(a), typeName(b), err, wrong)
		}
		if err != nil {
			return
		}
		one, err := forth.compare(value{text: x}, value{text: y}, none)
		two, wrong := back.compare(value{text: y}, value{text: x}, none)
		if (err == nil) != (wrong == nil) || one.agree != two.agree || one.variance != two.variance {
			t.Fatalf("%s %q and %s %q: %+v %v, and the other way round %+v %v", typeName(a), x, typeName(b), y, one, err, two, wrong)
		}
		same, err := alike(column{oid: a}, column{oid: a})
		if err != nil {
			t.Fatalf("%s is not like itself: %v", typeName(a), err)
		}
		if _, ok := same.folds[0](value{text: x}); ok {
			if d, err := same.compare(value{text: x}, value{text: x}, none); err != nil || !d.agree || d.variance != 0 {
				t.Fatalf("%s %q differs from itself: %+v %v", typeName(a), x, d, err)
			}
		}
	})
}

// FuzzFoldNumber holds the plain digits against what math/big makes of the same text.
func FuzzFoldNumber(f *testing.F) {
	for _, s := range []string{"1.50", "-0", "12e-3", "9e99", "00.00", "-1.5e+2", ".5", "5.", "1_000", "0x1p4", "1/3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		form, ok := foldNumber(value{text: s})
		if !ok || strings.HasSuffix(form, "NaN") || strings.HasSuffix(form, "Infinity") {
			return
		}
		want, ok := new(big.Rat).SetString(s)
		if !ok {
			t.Fatalf("%q is no number, but was folded into %q", s, form)
		}
		got, ok := new(big.Rat).SetString(form)
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("%q is %s, but was folded into %q", s, want, form)
		}
		if again, _ := foldNumber(value{text: form}); again != form {
			t.Fatalf("%q was folded into %q, and that into %q", s, form, again)
		}
	})
}

// FuzzReadMoment holds the reading of times against the standard library's.
func FuzzReadMoment(f *testing.F) {
	for _, s := range []string{"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.5+02:00", "2026-01-02 03:04:05", "2024-02-29", "9999-12-31T23:59:59-12:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || want.UTC().Year() > 9999 || want.UTC().Year() < 1 || strings.Contains(s, ",") {
			_, _ = readMoment(value{text: s})
			return
		}
		got, ok := readMoment(value{text: s})
		if len(s) > 35 { // more than nanoseconds
			return
		}
		if form := want.UTC().Format("2006-01-02 15:04:05.999999999"); !ok || got != form {
			t.Fatalf("%q is %q, want %q", s, got, form)
		}
	})
}

// TestAugment tries all small graphs against a search through every matching.
func TestAugment(t *testing.T) {
	const n = 3
	for graph := range 1 << (n * n) {
		edges := make([][]int, n)
		for i := range n {
			for j := range n {
				if graph>>(i*n+j)&1 == 1 {
					edges[i] = append(edges[i], j)
				}
			}
		}
		matched := 0
		for _, i := range augment(edges, n) {
			if i >= 0 {
				matched++
			}
		}
		if want := largest(edges, 0, 0); matched != want {
			t.Fatalf("%v: %d matched, want %d", fmt.Sprint(edges), matched, want)
		}
	}
}

func largest(edges [][]int, i, taken int) int {
	if i == len(edges) {
		return 0
	}
	best := largest(edges, i+1, taken)
	for _, j := range edges[i] {
		if taken>>j&1 == 0 {
			best = max(best, 1+largest(edges, i+1, taken|1<<j))
		}
	}
	return best
}
