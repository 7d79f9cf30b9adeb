package compare

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zeebo/xxh3"
)

// comparer returns a Comparer for rules, which must be right.
func comparer(t testing.TB, rules ...Rule) *Comparer {
	t.Helper()
	c, err := New(Options{Headers: []string{"content-type", "Location", "etag"}, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answer returns an answer with a body and headers given as name, value, name, value.
func answer[T string | []byte](status int, body T, headers ...string) *Answer {
	a := &Answer{Status: status, Header: map[string][]string{}, Body: []byte(body), Size: int64(len(body))}
	for i := 0; i < len(headers); i += 2 {
		a.Header[headers[i]] = append(a.Header[headers[i]], headers[i+1])
	}
	return a
}

func zip(t testing.TB, body string, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// cut returns an answer of which less than the whole body was captured.
func cut(contentType string, size int64, digest byte) *Answer {
	a := answer(200, "captured", "Content-Type", contentType)
	a.Size, a.Digest[0] = size, digest
	return a
}

// digest is how a body's hash is shown.
func digest(body string) string { return fmt.Sprintf("%x", xxh3.HashString128(body).Bytes()) }

const ct = "Content-Type"

func TestCompareStatusAndHeaders(t *testing.T) {
	header := func(path string, kind Kind, old, new string) []Difference {
		return []Difference{{InHeader, path, kind, old, new}}
	}
	for _, tc := range []struct {
		name     string
		old, new *Answer
		rules    []Rule
		want     Result
	}{
		{name: "equal", old: answer(200, "x", ct, "text/plain"), new: answer(200, "x", ct, "text/plain"), want: Result{Verdict: Match}},
		{name: "no answer of new", old: answer(200, ""), want: Result{Verdict: Failed}},
		{name: "no answer of old", new: answer(200, ""), want: Result{Verdict: Failed}},
		{name: "204 without a body", old: answer(204, ""), new: answer(204, ""), want: Result{Verdict: Match}},
		{
			name: "HEAD of gzip and of plain", old: answer(200, "", ct, "application/json", "Content-Encoding", "gzip"),
			new: answer(200, "", ct, "application/json"), want: Result{Verdict: Match},
		},
		{
			name: "status of another class alone", old: answer(200, "a", ct, "text/plain"), new: answer(502, "b", ct, "text/html"),
			want: Result{Verdict: Mismatch, Differences: []Difference{{InStatus, "", KindValue, "200", "502"}}},
		},
		{
			name: "status of one class and body", old: answer(200, "a"), new: answer(201, "b"),
			want: Result{Verdict: Mismatch, Differences: []Difference{{InStatus, "", KindValue, "200", "201"}, {InBody, "", KindValue, "a", "b"}}},
		},
		{
			name: "header missing", old: answer(200, "", "Location", "/a"), new: answer(200, ""),
			want: Result{Verdict: Mismatch, Differences: header("location", KindMissing, "/a", "")},
		},
		{
			name: "header extra", old: answer(200, ""), new: answer(200, "", "Etag", `"1"`),
			want: Result{Verdict: Mismatch, Differences: header("etag", KindExtra, "", `"1"`)},
		},
		{
			name: "header's value", old: answer(200, "", "Location", "/a"), new: answer(200, "", "Location", "/A"),
			want: Result{Verdict: Mismatch, Differences: header("location", KindValue, "/a", "/A")},
		},
		{
			name: "repeated values in another order", old: answer(200, "", "Etag", "1", "Etag", "2"),
			new:  answer(200, "", "Etag", "2", "Etag", "1"),
			want: Result{Verdict: Mismatch, Differences: header("etag", KindValue, "1, 2", "2, 1")},
		},
		{name: "header that is not chosen", old: answer(200, "", "Date", "a"), new: answer(200, "", "Date", "b"), want: Result{Verdict: Match}},
		{
			name: "ignored header", old: answer(200, "", "Etag", "1"), new: answer(200, ""),
			rules: []Rule{{Header: "ETag", Ignore: IgnoreAll}}, want: Result{Verdict: Tolerated, Suppressed: map[int]int{0: 1}},
		},
		{
			name: "ignored header that is equal", old: answer(200, "", "Etag", "1"), new: answer(200, "", "Etag", "1"),
			rules: []Rule{{Header: "ETag", Ignore: IgnoreAll}}, want: Result{Verdict: Match},
		},
		{
			name: "ignored value of a header", old: answer(200, "", "Etag", "1"), new: answer(200, "", "Etag", "2"),
			rules: []Rule{{Path: "$", Ignore: IgnoreValue}, {Header: "etag", Ignore: IgnoreValue}},
			want:  Result{Verdict: Tolerated, Suppressed: map[int]int{1: 1}},
		},
		{
			name: "ignored value of a header that is missing", old: answer(200, "", "Etag", "1"), new: answer(200, ""),
			rules: []Rule{{Header: "etag", Ignore: IgnoreValue}, {Header: "etag", Ignore: IgnoreAll}},
			want:  Result{Verdict: Mismatch, Differences: header("etag", KindMissing, "1", "")},
		},
		{
			name: "media type by meaning", old: answer(200, "{}", ct, `application/json; charset=utf-8; q="1"`),
			new: answer(200, "{}", ct, `Application/JSON ;Q=1;charset="UTF-8"`), want: Result{Verdict: Match},
		},
		{
			name: "a charset that is missing", old: answer(200, "", ct, "text/html; charset=utf-8"), new: answer(200, "", ct, "text/html"),
			want: Result{Verdict: Mismatch, Differences: header("content-type", KindValue, "text/html; charset=utf-8", "text/html")},
		},
		{
			name: "media type that cannot be read", old: answer(200, "", ct, "text/html; ="), new: answer(200, "", ct, "text/html; =="),
			want: Result{Verdict: Mismatch, Differences: header("content-type", KindValue, "text/html; =", "text/html; ==")},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, comparer(t, tc.rules...).Compare(tc.old, tc.new)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompareBodies(t *testing.T) {
	text := strings.Repeat("the same long text, ", 20)
	const gz, json = "Content-Encoding", "application/json"
	body := func(path string, kind Kind, old, new string) []Difference {
		return []Difference{{InBody, path, kind, old, new}}
	}
	mismatch := func(d []Difference) Result { return Result{Verdict: Mismatch, Differences: d} }
	skipped := func(r Reason) Result { return Result{Verdict: Skipped, Reason: r} }
	damaged := zip(t, `{"a":1}`, 9)
	damaged[len(damaged)-5] ^= 1
	plain := "text/plain"
	for _, tc := range []struct {
		name     string
		old, new *Answer
		want     Result
	}{
		{"text", answer(200, "a", ct, plain), answer(200, "b", ct, plain), mismatch(body("", KindValue, "a", "b"))},
		{
			"text, far behind the beginning", answer(200, text+"a", ct, plain), answer(200, text+"b", ct, plain),
			mismatch(body("", KindValue, "…"+text[len(text)-64:]+"a", "…"+text[len(text)-64:]+"b")),
		},
		{"binary", answer(200, "\xff\x00", ct, "image/png"), answer(200, "\xff\x01", ct, "image/png"), mismatch(body("", KindValue,
			"(2 bytes, xxh3 "+digest("\xff\x00")+")", "(2 bytes, xxh3 "+digest("\xff\x01")+")"))},
		{"body missing", answer(200, "a"), answer(200, ""), mismatch(body("", KindMissing, "a", ""))},
		{"JSON body extra", answer(200, "", ct, json), answer(200, "{}", ct, json), mismatch(body("$", KindExtra, "", "{}"))},
		{
			"JSON that says it is text", answer(200, `{"a":1,"b":2}`, ct, plain), answer(200, `{"b":2,"a":1}`, ct, plain),
			mismatch(body("$", KindValue, `{"a":1,"b":2}`, `{"b":2,"a":1}`)),
		},
		{
			"one is called JSON, both are", answer(200, `{"a":1, "b":2}`, ct, "application/problem+json"), answer(200, `{"b":2,"a":1}`, ct, "application/hal+json"),
			mismatch([]Difference{{InHeader, "content-type", KindValue, "application/problem+json", "application/hal+json"}}),
		},
		{
			"JSON and text", answer(200, `{}`, ct, json), answer(200, `oops`),
			mismatch([]Difference{{InHeader, "content-type", KindMissing, json, ""}, {InBody, "$", KindType, "{}", "(not valid JSON: unexpected 'o' at byte 0) oops"}}),
		},
		{"JSON and invalid", answer(200, `[1]`, ct, json), answer(200, `[1`, ct, json), mismatch(body("$", KindInvalid, "[1]", "(not valid JSON: unexpected end at byte 2) [1"))},
		{
			"both invalid, other bytes", answer(200, `[NaN]`, ct, json), answer(200, `[ NaN]`, ct, json),
			mismatch(body("$", KindInvalid, "(not valid JSON: unexpected 'N' at byte 1) [NaN]", "(not valid JSON: unexpected 'N' at byte 2) [ NaN]")),
		},
		{"both invalid, same bytes", answer(200, `[NaN]`, ct, json), answer(200, `[NaN]`, ct, json), Result{Verdict: Match}},
		{"cut, same", cut(json, 5000, 1), cut(json, 5000, 1), Result{Verdict: Match}},
		{"cut JSON", cut(json, 5000, 1), cut(json, 5000, 2), skipped(TooLarge)},
		{"cut JSON and whole", cut(json, 5000, 1), answer(200, "{}", ct, json), skipped(TooLarge)},
		{"cut text", cut(plain, 5000, 1), cut(plain, 5000, 2), mismatch(body("", KindValue,
			"(5000 bytes, xxh3 01000000000000000000000000000000)", "(5000 bytes, xxh3 02000000000000000000000000000000)"))},
		{"cut text of another size", cut(plain, 5000, 1), cut(plain, 5001, 1), mismatch(body("", KindValue,
			"(5000 bytes, xxh3 01000000000000000000000000000000)", "(5001 bytes, xxh3 01000000000000000000000000000000)"))},
		{"gzip and plain", answer(200, zip(t, `{"a":1}`, 1), ct, json, gz, "GZip"), answer(200, `{"a":1}`, ct, json), Result{Verdict: Match}},
		{"gzip and gzip", answer(200, zip(t, text, 1), gz, "gzip"), answer(200, zip(t, text, 9), gz, "x-gzip, identity"), Result{Verdict: Match}},
		{"gzip, other content", answer(200, zip(t, `{"a":1}`, 1), ct, json, gz, "gzip"), answer(200, `{"a":2}`, ct, json), mismatch(body("$.a", KindValue, "1", "2"))},
		{
			"gzip, damaged", answer(200, `{"a":1}`, ct, json), answer(200, damaged, ct, json, gz, "gzip"),
			mismatch(body("$", KindInvalid, `{"a":1}`, "(not valid gzip: gzip: invalid checksum)")),
		},
		{"gzip, damaged alike", answer(200, damaged, ct, json, gz, "gzip"), answer(200, damaged, ct, json, gz, "gzip"), Result{Verdict: Match}},
		{"gzip, cut short", answer(200, "a"), answer(200, zip(t, "a", 9)[:20], gz, "gzip"), mismatch(body("", KindInvalid, "a", "(not valid gzip: unexpected EOF)"))},
		{"gzip by name alone", answer(200, "abc"), answer(200, "abc", gz, "gzip"), mismatch(body("", KindInvalid, "abc", "(not valid gzip: unexpected EOF)"))},
		{"same bytes, one called gzip", answer(200, zip(t, "a", 9)), answer(200, zip(t, "a", 9), gz, "gzip"), mismatch(body("", KindValue,
			"(25 bytes, xxh3 "+digest(string(zip(t, "a", 9)))+")", "(1 bytes, xxh3 "+digest("a")+")"))},
		{"gzip bomb", answer(200, "a"), answer(200, zip(t, strings.Repeat("a", 4<<20), 9), gz, "gzip"), skipped(TooLarge)},
		{"unknown encoding, same bytes", answer(200, "abc", gz, "dcb"), answer(200, "abc", gz, "DCB"), Result{Verdict: Match}},
		{"unknown encoding, other bytes", answer(200, "abc", gz, "dcb"), answer(200, "abd", gz, "dcb"), skipped(TooComplex)},
		{"unknown encoding and plain", answer(200, "abc", gz, "dcb"), answer(200, "abd"), skipped(TooComplex)},
		{"unknown encoding, but the status differs", answer(200, "abc", gz, "dcb"), answer(201, "abd", gz, "dcb"), Result{Verdict: Mismatch, Differences: []Difference{{InStatus, "", KindValue, "200", "201"}}, Unfinished: TooComplex}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := comparer(t).Compare(tc.old, tc.new)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			// The other way round the verdict must be the same.
			if back := comparer(t).Compare(tc.new, tc.old); back.Verdict != got.Verdict || len(back.Differences) != len(got.Differences) {
				t.Errorf("the other way round: %+v", back)
			}
		})
	}
}

func TestRuleForTheWholeBody(t *testing.T) {
	const gz = "Content-Encoding"
	pairs := map[string][2]*Answer{
		"text":             {answer(200, "a"), answer(200, "b")},
		"JSON":             {jsonAnswer(`[1]`), jsonAnswer(`{}`)},
		"invalid":          {jsonAnswer(`[1]`), jsonAnswer(`{`)},
		"missing":          {answer(200, "a"), answer(200, "")},
		"unknown encoding": {answer(200, "a", gz, "dcb"), answer(200, "b", gz, "dcb")},
		"cut JSON":         {cut("application/json", 5000, 1), cut("application/json", 5000, 2)},
	}
	ignored := comparer(t, Rule{Path: "$.x", Ignore: IgnoreAll}, Rule{Path: "$", Ignore: IgnoreAll})
	value := comparer(t, Rule{Path: "$", Ignore: IgnoreValue})
	for name, p := range pairs {
		if got := ignored.Compare(p[0], p[1]); got.Verdict != Tolerated || !maps.Equal(got.Suppressed, map[int]int{1: 1}) {
			t.Errorf("%s, all ignored: %+v", name, got)
		}
		want := Mismatch
		switch name {
		case "text":
			want = Tolerated
		case "unknown encoding", "cut JSON":
			want = Skipped
		}
		if got := value.Compare(p[0], p[1]); got.Verdict != want {
			t.Errorf("%s, value ignored: %+v", name, got)
		}
	}
}

func TestLimits(t *testing.T) {
	nested := func(depth int, leaf string) string {
		return strings.Repeat("[", depth) + leaf + strings.Repeat("]", depth)
	}
	if got := comparer(t).Compare(jsonAnswer(nested(maxDepth, "1")), jsonAnswer(nested(maxDepth, "2"))); got.Verdict != Mismatch {
		t.Errorf("as deep as allowed: %+v", got)
	}
	deep := comparer(t).Compare(jsonAnswer(nested(maxDepth+1, "1")), jsonAnswer(nested(maxDepth+1, "1 ")))
	if deep.Verdict != Skipped || deep.Reason != TooComplex {
		t.Errorf("too deep: %+v", deep)
	}
	small, err := New(Options{MaxNodes: 3, MaxDecoded: 10})
	if err != nil {
		t.Fatal(err)
	}
	if got := small.Compare(jsonAnswer(`[1,2]`), jsonAnswer(`[1, 2]`)); got.Verdict != Match {
		t.Errorf("as many values as allowed: %+v", got)
	}
	if got := small.Compare(jsonAnswer(`[1,2, 3]`), jsonAnswer(`[1,2,3.0]`)); got.Verdict != Match {
		t.Errorf("more values, in lock-step: %+v", got)
	}
	if got := small.Compare(jsonAnswer(`[3,2,1]`), jsonAnswer(`[1]`)); got.Reason != TooComplex {
		t.Errorf("too many values: %+v", got)
	}
	if got := small.Compare(jsonAnswer(`"0123456789"`), jsonAnswer(`""`)); got.Reason != TooLarge {
		t.Errorf("too large: %+v", got)
	}
	many := comparer(t).Compare(jsonAnswer("["+strings.Repeat("1,", 500)+"1]"), jsonAnswer("["+strings.Repeat("2,", 500)+"2]"))
	if many.Verdict != Mismatch || len(many.Differences) != MaxDifferences || many.Dropped != 501-MaxDifferences {
		t.Errorf("many differences: %s, %d kept, %d dropped", many.Verdict, len(many.Differences), many.Dropped)
	}
	exponent := comparer(t).Compare(jsonAnswer(`[1e1000000000,1]`), jsonAnswer(`[10e999999999,2]`))
	if len(exponent.Differences) != 1 || exponent.Differences[0].Path != "$[1]" {
		t.Errorf("exponent: %+v", exponent)
	}
}

func TestValuesAreShortened(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{strings.Repeat("a", 256), strings.Repeat("a", 256)},
		{strings.Repeat("a", 257), strings.Repeat("a", 253) + "…"},
		{strings.Repeat("é", 200), strings.Repeat("é", 126) + "…"},
	} {
		if got := shorten(tc.in); got != tc.want {
			t.Errorf("%d bytes: %d: %s", len(tc.in), len(got), got)
		}
	}
}

func TestComparerIsSafeForConcurrentUse(t *testing.T) {
	c := comparer(t, Rule{Path: "$.items", Unordered: Multiset}, Rule{Path: "$..price", Number: &Number{Absolute: "0.5"}})
	old, reordered := jsonAnswer(listing(4<<10, false)), jsonAnswer(listing(4<<10, true))
	changed := jsonAnswer(bytes.Replace(old.Body, []byte("sale"), []byte("sail"), 1))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got := c.Compare(old, reordered); got.Verdict != Match {
					t.Errorf("reordered: %+v", got)
				}
				if got := c.Compare(old, changed); len(got.Differences) != 1 || got.Differences[0].Path != "$.items[0].tags[2]" {
					t.Errorf("changed: %+v", got)
				}
			}
		})
	}
	wg.Wait()
}

// A header that differs must not make it look as if the bodies had been compared.
func TestAMismatchSaysThatItsBodiesAreUnfinished(t *testing.T) {
	c, err := New(Options{Headers: []string{"etag"}, MaxDecoded: 8})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		old, new string
		want     Reason
	}{
		"too large to be looked into": {`"0123456789"`, `""`, TooLarge},
		"compared":                    {`"0"`, `"1"`, ""},
	} {
		got := c.Compare(answer(200, test.old, "Content-Type", "application/json", "Etag", "1"), answer(200, test.new, "Content-Type", "application/json", "Etag", "2"))
		if got.Verdict != Mismatch || got.Reason != "" || got.Unfinished != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
