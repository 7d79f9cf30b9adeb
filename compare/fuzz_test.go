package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,"\u00e9\ud800",null,true]}`, `[[[]]]`, `"abcdefgh\"ijkl"`, "{}x", "01", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var d document
		err := d.parse(text, 1<<12)
		if valid := json.Valid(text) && utf8.Valid(text); err == nil != valid && !errors.Is(err, errTooComplex) {
			t.Fatalf("%q: %v, package json: valid %v", text, err, valid)
		}
		if err != nil {
			return
		}
		for i, n := range d.nodes {
			if !json.Valid(d.raw(uint32(i))) || int(n.next) > len(d.nodes) || n.next <= uint32(i) {
				t.Fatalf("%q: node %d: %+v", text, i, n)
			}
			if n.kind == jsonString && !bytes.Contains(d.raw(uint32(i)), []byte(`\u`)) {
				var want string
				if err := json.Unmarshal(d.raw(uint32(i)), &want); err != nil || want != string(d.string(uint32(i))) {
					t.Fatalf("%q: %q, package json: %q", text, d.string(uint32(i)), want)
				}
			}
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"$", "$.a.b[0]['c']", `$..["\u0041"].*`, "$[?@.a]", "$.größe", "$['\\''] [ 1 ]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePath(text)
		if err != nil {
			if e, ok := errors.AsType[*PathError](err); !ok || e.Offset < 0 || e.Offset > len(text) {
				t.Fatalf("%q: offset %d", text, e.Offset)
			}
			return
		}
		// Written as a difference's path it leads to the same place.
		out := []byte("$")
		for _, s := range p.segments {
			switch s.selector {
			case byName:
				out = appendName(out, []byte(s.name))
			case byIndex:
				out = appendIndex(out, s.index)
			default:
				return
			}
		}
		again, err := ParsePath(string(out))
		if err != nil || len(again.segments) != len(p.segments) {
			t.Fatalf("%q became %q: %v", text, out, err)
		}
		for i, s := range again.segments {
			if s.selector != p.segments[i].selector || s.name != p.segments[i].name || s.index != p.segments[i].index {
				t.Fatalf("%q became %q", text, out)
			}
		}
		if grouped := GroupPath(string(out)); GroupPath(grouped) != grouped {
			t.Fatalf("%q is grouped as %q", out, grouped)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(zip(f, "hello", 9), "gzip")
	f.Add(zip(f, strings.Repeat("a", 1000), 1)[:20], "gzip, identity")
	f.Add([]byte("abc"), "br")
	f.Add([]byte("\x0b\x02\x80hello\x03"), "br")
	f.Add([]byte("\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00hello"), "zstd")
	f.Add([]byte("\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15"), "deflate, gzip")
	f.Fuzz(func(t *testing.T, body []byte, name string) {
		const limit = 1 << 16
		a := answer(200, body, "Content-Encoding", name)
		d, err := decode(a.Body, a.encoding(), limit, nil)
		defer d.release()
		if err == nil && d.own != nil && len(d.body) > limit {
			t.Fatalf("%d bytes", len(d.body))
		}
		plain := answer(200, body)
		if got := comparer(t).Compare(a, plain); got.Verdict == Match && a.encoding() != identity && err == nil && !bytes.Equal(d.body, body) {
			t.Fatalf("%q as %s matches itself undecoded", body, name)
		}
	})
}

func FuzzDecimal(f *testing.F) {
	f.Add("1.50", "15e-1", "0.1", "0.01")
	f.Add("-0", "1e300", "1e-300", "0")
	f.Fuzz(func(t *testing.T, a, b, absolute, relative string) {
		var d [4]decimal
		var r [4]*big.Rat
		for i, s := range []string{a, b, absolute, relative} {
			if len(s) > 40 || scanNumber([]byte(s), 0) != len(s) || s == "" {
				return
			}
			d[i] = parseDecimal([]byte(s))
			if e := d[i].exponent; e > 500 || e < -500 || d[i].huge != nil || i > 1 && d[i].negative {
				return
			}
			r[i], _ = new(big.Rat).SetString(s)
		}
		if d[0].equal(d[1]) != (r[0].Cmp(r[1]) == 0) {
			t.Fatalf("%s = %s: %v", a, b, d[0].equal(d[1]))
		}
		distance := new(big.Rat).Sub(r[0], r[1])
		distance.Abs(distance)
		allowed := new(big.Rat).Abs(r[0])
		if other := new(big.Rat).Abs(r[1]); other.Cmp(allowed) > 0 {
			allowed = other
		}
		if allowed.Mul(allowed, r[3]); r[2].Cmp(allowed) > 0 {
			allowed = r[2]
		}
		if got, want := d[0].within(d[1], d[2], d[3]), distance.Cmp(allowed) <= 0; got != want {
			t.Fatalf("%s, %s within %s or %s: %v", a, b, absolute, relative, got)
		}
	})
}

func FuzzParseInstant(f *testing.F) {
	f.Add("2024-02-29T12:34:56.5+02:00")
	f.Add("2016-12-31t23:59:60z")
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := parseInstant([]byte(text))
		if ok && (at.nanos < 0 || at.nanos > 999999999 || !at.within(at, 0)) {
			t.Fatalf("%q: %+v", text, at)
		}
	})
}

// Whatever the documents and the rules: no panic, one verdict in both directions, a body always matches itself, and what
// matches without rules is the same to package json.
func FuzzCompare(f *testing.F) {
	f.Add(`{"a":[1,{"b":2}]}`, `{"a":[{"b":2.0},1]}`, "$.a", uint8(3))
	f.Add(`[1,2,"2024-01-01T00:00:00Z"]`, `[2,1,1704067200]`, "$..*", uint8(4))
	f.Add(`{"a":1,"a":2}`, `{"a":2,"a":1}`, "$[*]", uint8(1))
	f.Fuzz(func(t *testing.T, old, new, path string, action uint8) {
		r := Rule{Path: path}
		switch action % 5 {
		case 0:
			r.Ignore = IgnoreAll
		case 1:
			r.Ignore = IgnoreValue
		case 2:
			r.Number = &Number{Absolute: "0.5", Relative: "0.01"}
		case 3:
			r.Unordered = Multiset
		default:
			r.Time = &Time{Skew: 2e9}
		}
		ruled, err := New(Options{Rules: []Rule{r, {Path: "$", Unordered: Multiset}}})
		if err != nil {
			return
		}
		plain := comparer(t)
		a, b := jsonAnswer(old), jsonAnswer(new)
		for _, c := range []*Comparer{plain, ruled} {
			there, back := c.Compare(a, b), c.Compare(b, a)
			if there.Verdict != back.Verdict {
				t.Fatalf("%s there, %s back", there.Verdict, back.Verdict)
			}
			if same := c.Compare(a, jsonAnswer(old)); same.Verdict != Match {
				t.Fatalf("not equal to itself: %+v", same)
			}
			if spaced := c.Compare(a, jsonAnswer(old+" ")); json.Valid([]byte(old)) && utf8.ValidString(old) && spaced.Verdict != Match && spaced.Verdict != Skipped {
				t.Fatalf("not equal to itself with a space: %+v", spaced)
			}
		}
		if plain.Compare(a, b).Verdict == Match && old != new {
			if !json.Valid([]byte(old)) || !json.Valid([]byte(new)) {
				t.Fatal("invalid documents match")
			}
		}
	})
}
