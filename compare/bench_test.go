package compare

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// listing writes a list of products of a shop of about size bytes, on request with the members of every object in reverse.
func listing(size int, reverse bool) []byte {
	out := []byte(`{"items":[`)
	for i := 0; len(out) < size-100; i++ {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"id":%d,"name":"Product number %d","price":%d.95,"currency":"EUR","in_stock":true,"tags":["new","summer","sale"],`+
			`"seller":{"id":77,"name":"Ada \u0026 Co","rating":4.7},"updated_at":"2026-05-01T10:00:00.123Z"}`, 100000+i, i, i%500)
	}
	if out = append(out, `]}`...); reverse {
		out = reversed(out)
	}
	return out
}

// tape parses a document for one that is made of it.
func tape(text []byte) *document {
	var d document
	if err := d.parse(text, len(text)); err != nil {
		panic(err)
	}
	return &d
}

// respelled returns a document of the same meaning in which the first scalar and the share p of the others are spelled in
// another way.
func respelled(text []byte, p float64) []byte {
	d, r := tape(text), rand.New(rand.NewPCG(1, 2))
	var out []byte
	at := uint32(0)
	for _, n := range d.nodes {
		if n.kind == jsonObject || n.kind == jsonArray || len(out) > 0 && r.Float64() >= p {
			continue
		}
		out = append(out, text[at:n.start]...)
		switch at = n.end; n.kind {
		case jsonNumber:
			out = append(append(out, text[n.start:n.end]...), "e0"...)
			if !bytes.ContainsAny(text[n.start:n.end], ".eE") {
				out = append(out[:len(out)-2], ".0"...)
			}
		case jsonString:
			out = append(fmt.Appendf(out, `"\u%04x`, text[n.start+1]), text[n.start+2:n.end]...)
		default:
			out = append(append(out, ' '), text[n.start:n.end]...)
		}
	}
	return append(out, text[at:]...)
}

// reversed returns the document with the members of every object in reverse.
func reversed(text []byte) []byte {
	d := tape(text)
	var write func(out []byte, i uint32) []byte
	write = func(out []byte, i uint32) []byte {
		n := &d.nodes[i]
		if n.kind != jsonObject && n.kind != jsonArray {
			return append(out, d.raw(i)...)
		}
		children := d.children(i, nil)
		out = append(out, text[n.start])
		for k := range children {
			c := children[k]
			if n.kind == jsonObject {
				c = children[len(children)-1-k]
			}
			if k > 0 {
				out = append(out, ',')
			}
			if n.kind == jsonObject {
				out = append(append(append(out, '"'), text[d.nodes[c].key:d.nodes[c].keyEnd]...), `":`...)
			}
			out = write(out, c)
		}
		return append(out, text[n.end-1])
	}
	return write(nil, 0)
}

// spaced returns the document with a line for each member and element.
func spaced(text []byte) []byte {
	return []byte(strings.NewReplacer(`{"`, "{\n    \"", `,"`, ",\n    \"", `":`, `": `, `},{`, "},\n  {").Replace(string(text)))
}

// numbered returns the document with an id in front that differs from that of others.
func numbered(text []byte, id int) []byte {
	return append(fmt.Appendf(nil, `{"requestId":"req-%08d",`, id), text[1:]...)
}

// benchRules are rules as a team has them; none but requestId applies to a listing.
var benchRules = []Rule{
	{Path: "$..requestId", Ignore: IgnoreAll},
	{Path: "$..modified_at", Time: &Time{Skew: 2e9}},
	{Path: "$..total", Number: &Number{Relative: "0.01"}},
}

func BenchmarkCompare(b *testing.B) {
	c, err := New(Options{Headers: []string{"content-type", "location"}, Rules: benchRules})
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{1 << 10, 32 << 10, 1 << 20} {
		for _, p := range pairsOf(size) {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, p.name), func(b *testing.B) {
				benchmarkPair(b, c, jsonAnswer(p.old), jsonAnswer(p.new), p.want)
			})
		}
	}
}

// pair is two bodies for benchmarks, and what benchRules make of them.
type pair struct {
	name     string
	old, new []byte
	want     Verdict
}

// pairsOf returns pairs of about size bytes a body.
func pairsOf(size int) []pair {
	old := listing(size, false)
	last := bytes.LastIndex(old, []byte("4.7"))
	oneLeaf := bytes.Clone(old)
	oneLeaf[last+2] = '8'
	return []pair{
		{"equal", old, bytes.Clone(old), Match},
		{"1 % respelled", old, respelled(old, 0.01), Match},
		{"all respelled", old, respelled(old, 1), Match},
		{"indented", old, spaced(old), Match},
		{"keys reversed", old, listing(size, true), Match},
		{"an ignored id", numbered(old, 1), numbered(old, 2), Tolerated},
		{"one leaf differs", old, oneLeaf, Mismatch},
	}
}

// benchmarkPair compares two answers again and again; the rate is that of old's body.
func benchmarkPair(b *testing.B, c *Comparer, old, new *Answer, want Verdict) {
	b.SetBytes(int64(len(old.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if r := c.Compare(old, new); r.Verdict != want {
			b.Fatalf("%s %s, %d differences", r.Verdict, r.Reason, len(r.Differences)+r.Dropped)
		}
	}
}

// jsonAnswer returns a 200 with a JSON body.
func jsonAnswer[T string | []byte](body T) *Answer {
	return &Answer{
		Status: 200,
		Header: map[string][]string{"Content-Type": {"application/json"}},
		Body:   []byte(body),
		Size:   int64(len(body)),
	}
}

// BenchmarkHostile compares documents that are made to cost much.
func BenchmarkHostile(b *testing.B) {
	c, err := New(Options{Rules: benchRules, MaxDecoded: 1 << 27})
	if err != nil {
		b.Fatal(err)
	}
	leaves := func(leaf string, n int) string { return "[" + strings.Repeat(leaf+",", n-1) + leaf + "]" }
	nested := func(leaf string, n int) string { return strings.Repeat("[", n) + leaf + strings.Repeat("]", n) }
	long := strings.Repeat("0123456789abcdef", 4<<20)
	escaped := strings.Repeat(`\u0041`, 11<<20)
	members := func(from, to, step int) string {
		var out strings.Builder
		for i := from; i != to; i += step {
			fmt.Fprintf(&out, `,"member%d":%d`, i, i)
		}
		return "{" + out.String()[1:] + "}"
	}
	for _, tc := range []struct {
		name, old, new string
		want           Verdict
	}{
		{"nested 100000 deep", nested("1", 100000), nested("2", 100000), Skipped},
		{"nested 512 deep", nested("1", 512), nested("2", 512), Mismatch},
		{"10^6 differing leaves", leaves("1", 1e6), leaves("2", 1e6), Mismatch},
		{"10^6 leaves re-spelled", leaves("1", 1e6), leaves("1.0", 1e6), Match},
		{"10^6 forgiven leaves", leaves(`{"total":100}`, 1e6), leaves(`{"total":101}`, 1e6), Tolerated},
		{"10^5 members reversed", members(0, 1e5, 1), members(1e5-1, -1, -1), Match},
		{"1e1000000000", "[1e1000000000,1]", "[10e999999999,2]", Mismatch},
		{"a text of 64 MiB in one place", `["` + long + `",1]`, `["` + long + `", 1]`, Match},
		{"a text of 64 MiB that differs at its end", `["` + long + `"]`, `["` + long[:len(long)-1] + `x"]`, Mismatch},
		{"a text of 64 MiB in escapes", `["` + escaped + `"]`, `["` + escaped[:len(escaped)-6] + `A"]`, Match},
		{"a number of 64 MiB", "[" + strings.Repeat("1", 1<<26) + "]", "[" + strings.Repeat("1", 1<<26) + "e0]", Match},
	} {
		b.Run(tc.name, func(b *testing.B) { benchmarkPair(b, c, jsonAnswer(tc.old), jsonAnswer(tc.new), tc.want) })
	}
}
