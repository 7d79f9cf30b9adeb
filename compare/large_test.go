package compare

import (
	"strings"
	"testing"
)

// Bodies that are larger than what is captured are told apart by size and hash, and judged by their types.
func TestLargeBodies(t *testing.T) {
	const gz, plain, json = "Content-Encoding", "text/plain", "application/json"
	captured := func(contentType, body string, size int64, digest byte, encoding ...string) *Answer {
		a := answer(200, body)
		if contentType != "" {
			a.Header[ct] = []string{contentType}
		}
		if len(encoding) > 0 {
			a.Header[gz] = encoding
		}
		a.Size, a.Digest[0] = size, digest
		return a
	}
	large := func(contentType string, digest byte, encoding ...string) *Answer {
		return captured(contentType, "captured", 5000, digest, encoding...)
	}
	value, typed := []Kind{KindValue}, []Kind{KindType}
	for _, tc := range []struct {
		name     string
		old, new *Answer
		kinds    []Kind
		reason   Reason
	}{
		{name: "the same", old: large(json, 1), new: large(json, 1)},
		{name: "the same, encoded alike", old: large(json, 1, "br"), new: large(json, 1, "BR")},
		{name: "the same, in an unknown encoding", old: large(json, 1, "dcb"), new: large(json, 1, "dcb")},
		{name: "the same bytes in other encodings", old: large("image/png", 1, "br"), new: large("image/png", 1, "zstd"), reason: TooLarge},
		{name: "other bytes in one encoding", old: large("image/png", 1, "gzip"), new: large("image/png", 2, "gzip"), reason: TooLarge},
		{name: "encoded and not", old: large(plain, 1, "gzip"), new: large(plain, 2), reason: TooLarge},
		{name: "an image", old: large("image/png", 1), new: large("image/png", 2), kinds: value},
		{name: "an archive", old: large("application/zip", 1), new: large("application/zip", 2), kinds: value},
		{name: "bytes", old: large("application/octet-stream", 1), new: large("application/octet-stream", 2), kinds: value},
		{name: "text", old: large(plain, 1), new: large(plain, 2), kinds: value},
		{name: "text of another size", old: large(plain, 1), new: captured(plain, "captured", 5001, 1), kinds: value},
		{name: "an image, of which one is smaller", old: large("image/png", 1), new: answer(200, "small", ct, "image/png"), kinds: value},
		{name: "an image, and nothing", old: large("image/png", 1), new: answer(200, "", ct, "image/png"), kinds: []Kind{KindMissing}},
		{name: "JSON, and nothing", old: large(json, 1), new: answer(200, "", ct, json), kinds: []Kind{KindMissing}},
		{name: "JSON, of which one is smaller", old: large(json, 1), new: answer(200, "{}", ct, json), reason: TooLarge},
		{name: "JSON and HTML", old: large(json, 1), new: large("text/html", 2), kinds: typed},
		{name: "JSON and an image, encoded", old: large(json, 1, "gzip"), new: large("image/png", 2), kinds: typed},
		{name: "JSON by its name and not named", old: large(json, 1), new: large("", 2), reason: TooLarge},
		{name: "not named, like JSON", old: captured("", `{"a":1`, 5000, 1), new: captured("", `{"a":2`, 5000, 2), reason: TooLarge},
		{name: "not named, like nothing", old: captured("", "\x00\x01", 5000, 1), new: captured("", "\x00\x02", 5000, 2), kinds: value},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := New(Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := c.Compare(tc.old, tc.new)
			want := Match
			switch {
			case tc.reason != "":
				want = Skipped
			case tc.kinds != nil:
				want = Mismatch
			}
			if got.Verdict != want || got.Reason != tc.reason || len(got.Differences) != len(tc.kinds) {
				t.Fatalf("%+v", got)
			}
			for i, d := range got.Differences {
				if d.Kind != tc.kinds[i] || d.Location != InBody {
					t.Errorf("%+v", d)
				}
			}
			back := c.Compare(tc.new, tc.old)
			if back.Verdict != want || back.Reason != tc.reason {
				t.Errorf("the other way round: %+v", back)
			}
		})
	}
	for _, media := range []string{
		json, "application/problem+json", "application/x-ndjson", "text/csv", "application/x-www-form-urlencoded", "text/html", "application/xml",
		"image/svg+xml", "multipart/form-data; boundary=b", "application/x-protobuf", "application/grpc",
	} {
		if got := comparer(t).Compare(large(media, 1), large(media, 2)); got.Verdict != Skipped || got.Reason != TooLarge {
			t.Errorf("%s: %+v", media, got)
		}
	}
}

// Where one side has no body, what the other has may be nothing as well, in an encoding.
func TestNothing(t *testing.T) {
	const gz = "Content-Encoding"
	for _, tc := range []struct {
		name     string
		old, new *Answer
		want     []Difference
	}{
		{"encoded and not", answer(200, encode(t, "gzip", ""), gz, "gzip"), answer(200, ""), nil},
		{"in two encodings", answer(200, encode(t, "br", ""), gz, "br"), answer(200, encode(t, "zstd", ""), gz, "zstd"), nil},
		{"named an encoding", answer(200, "", gz, "gzip"), answer(200, ""), nil},
		{
			"a text, encoded", answer(200, encode(t, "br", "hello"), gz, "br"), answer(200, ""),
			[]Difference{{InBody, "", KindMissing, "hello", ""}},
		},
		{
			"both encoded", answer(200, encode(t, "br", ""), gz, "br"), answer(200, encode(t, "gzip", "hello"), gz, "gzip"),
			[]Difference{{InBody, "", KindExtra, "", "hello"}},
		},
		{
			"JSON that is not named so", answer(200, encode(t, "br", `{"password":1}`), gz, "br"), answer(200, ""),
			[]Difference{{InBody, "$", KindMissing, `{"password":1}`, ""}},
		},
	} {
		got := comparer(t).Compare(tc.old, tc.new)
		if len(got.Differences) != len(tc.want) || got.Verdict == Skipped || len(tc.want) > 0 && got.Differences[0] != tc.want[0] {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
	damaged := answer(200, encode(t, "gzip", strings.Repeat("a", 100))[:20], gz, "gzip", ct, "application/json")
	if got := comparer(t, Rule{Path: "$.a", Rename: "b"}).Compare(damaged, damaged); got.Verdict != Match {
		t.Errorf("damaged alike, with a rule that looks inside: %+v", got)
	}
	if got := comparer(t).Compare(damaged, answer(200, "x", gz, "dcb")); got.Verdict != Mismatch || got.Differences[len(got.Differences)-1].Kind != KindInvalid {
		t.Errorf("damaged and unknown: %+v", got)
	}
}
