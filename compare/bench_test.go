package compare

import (
	"bytes"
	"fmt"
	"testing"
)

// product writes an item of a shop, its members in one order or another.
func product(i int, reordered bool) string {
	id, name, price := fmt.Sprintf(`"id":%d`, 100000+i), fmt.Sprintf(`"name":"Product number %d"`, i), fmt.Sprintf(`"price":%d.95`, i%500)
	rest := `"currency":"EUR","in_stock":true,"tags":["new","summer","sale"],"seller":{"id":77,"name":"Ada \u0026 Co","rating":4.7},"updated_at":"2026-05-01T10:00:00.123Z"`
	if reordered {
		return "{" + price + "," + rest + "," + name + "," + id + "}"
	}
	return "{" + id + "," + name + "," + price + "," + rest + "}"
}

// listing writes a list of products of about size bytes.
func listing(size int, reordered bool) []byte {
	out := []byte(`{"items":[`)
	for i := 0; len(out) < size-100; i++ {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, product(i, reordered)...)
	}
	return append(out, `]}`...)
}

func BenchmarkCompare(b *testing.B) {
	rules := []Rule{
		{Path: "$..requestId", Ignore: IgnoreAll},
		{Path: "$..updated_at", Time: &Time{Skew: 2e9}},
		{Path: "$..total", Number: &Number{Relative: "0.01"}},
	}
	c, err := New(Options{Headers: []string{"content-type", "location"}, Rules: rules})
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{1 << 10, 32 << 10} {
		old := listing(size, false)
		last := bytes.LastIndex(old, []byte("4.7"))
		oneLeaf := bytes.Clone(old)
		oneLeaf[last+2] = '8'
		cases := []struct {
			name string
			new  []byte
			want Verdict
		}{
			{"equal", bytes.Clone(old), Match},
			{"reordered", listing(size, true), Match},
			{"one leaf", oneLeaf, Mismatch},
		}
		for _, tc := range cases {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, tc.name), func(b *testing.B) {
				o, n := jsonAnswer(old), jsonAnswer(tc.new)
				b.SetBytes(int64(len(old)))
				b.ReportAllocs()
				for b.Loop() {
					if r := c.Compare(o, n); r.Verdict != tc.want {
						b.Fatalf("%+v", r)
					}
				}
			})
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
