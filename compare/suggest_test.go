package compare

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func answerOf(mediaType, body string) *Answer {
	return &Answer{Status: 200, Header: map[string][]string{"Content-Type": {mediaType}}, Body: []byte(body), Size: int64(len(body))}
}

// suggestions compares pairs of bodies of one type, and returns what is proposed as lines of YAML, or as `none: reason`; keep says
// whether the bodies are there to be looked into.
func suggestions(t *testing.T, mediaType string, keep bool, pairs ...string) []string {
	t.Helper()
	var seen []Seen
	for i := 0; i < len(pairs); i += 2 {
		old, new := answerOf(mediaType, pairs[i]), answerOf(mediaType, pairs[i+1])
		one := Seen{Differences: mustNew(t, Options{}).Compare(old, new).Differences}
		if keep {
			one.Old, one.New = old, new
		}
		seen = append(seen, one)
	}
	var out []string
	for _, p := range Suggest(Options{}, seen, nil) {
		line := "none: " + p.Reason
		if p.Rule != nil {
			line = p.Rule.String()
		}
		out = append(out, line)
	}
	return out
}

func mustNew(t *testing.T, o Options) *Comparer {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var suggestCases = []struct {
	name  string
	pairs []string // old, new, old, new…
	want  []string // the rules, or the beginning of `none: reason`
}{
	{"times a little apart", []string{
		`{"at":"2026-11-20T21:04:11Z"}`, `{"at":"2026-11-20T21:04:12.5Z"}`,
	}, []string{`{path: "$.at", time: {skew: 2s}}`}},
	{"one instant, written in two ways", []string{
		`[{"at":"2026-11-20T21:04:11Z"}]`, `[{"at":"2026-11-20T22:04:11+01:00"}]`,
	}, []string{`{path: "$[*].at", time: {skew: 0s}}`}},
	{"a time and Unix seconds", []string{
		`{"at":"2026-11-20T21:04:11Z"}`, `{"at":1795208651}`,
	}, []string{`{path: "$.at", time: {skew: 0s}}`}},
	{"Unix seconds, as the name says", []string{`{"created_at":1795208651}`, `{"created_at":1795208654}`}, []string{`{path: "$.created_at", time: {skew: 5s}}`}},
	{"another time zone", []string{`{"at":"2026-11-20T21:04:11Z"}`, `{"at":"2026-11-20T22:04:11Z"}`}, []string{"none: the times are more than 5m apart"}},
	{"rounded prices", []string{
		`{"items":[{"price":49.90},{"price":1}]}`, `{"items":[{"price":49.89},{"price":1}]}`,
		`{"items":[{"price":10.00},{"price":0.10}]}`, `{"items":[{"price":10.00},{"price":0.09}]}`,
	}, []string{`{path: "$.items[*].price", number: {absolute: 0.01}}`}},
	{"rounded to fewer places", []string{`{"n":12.46}`, `{"n":12.5}`}, []string{`{path: "$.n", number: {absolute: 0.05}}`}},
	{"floating point", []string{`{"n":0.3}`, `{"n":0.30000000000000004}`}, []string{`{path: "$.n", number: {relative: 0.0000001%}}`}},
	{"a measure that moves", []string{`{"views":10234}`, `{"views":10236}`, `{"views":5}`, `{"views":5}`}, []string{`{path: "$.views", number: {relative: 0.02%}}`}},
	{"numbers too far apart", []string{`{"n":3}`, `{"n":4}`}, []string{"none: the numbers are more than 1% apart"}},
	{"the number of something else", []string{`{"user_id":10001}`, `{"user_id":10002}`}, []string{"none: another number here may be another thing"}},
	{"numbers as strings", []string{`{"n":1,"m":"2"}`, `{"n":"1","m":2.0}`}, []string{`{path: "$.n", coerce: number}`, `{path: "$.m", coerce: number}`}},
	{"a string that is no number", []string{`{"n":1}`, `{"n":"01"}`}, []string{"none: the types differ"}},
	{"null or absent", []string{`{"a":null}`, `{}`, `{}`, `{"a":null}`}, []string{`{path: "$.a", absent_equals_null: true}`}},
	{"absent", []string{`{"a":1}`, `{}`}, []string{"none: new does not say what old says here"}},
	{"new says more", []string{`{"a":1}`, `{"a":1,"b":[2]}`}, []string{`{path: "$.b", ignore: true}`}},
	{"renamed", []string{`{"x":[{"name":"Ann"},{"name":"Bo"}]}`, `{"x":[{"label":"Ann"},{"label":"Bo"}]}`}, []string{`{path: "$.x[*].name", rename: "label"}`}},
	{"renamed to a name that needs quotes", []string{`{"name":"Ann"}`, `{"full name":"Ann"}`}, []string{`{path: "$.name", rename: "full name"}`}},
	{"moved", []string{`{"a":{"b":"particular"},"c":{}}`, `{"a":{},"c":{"d":"particular"}}`}, []string{`{path: "$.a.b", rename: "$.c.d"}`}},
	{"perhaps renamed, to one of two", []string{`{"a":1}`, `{"b":1,"c":1}`}, []string{"none: new does not say", `{path: "$.b", ignore: true}`, `{path: "$.c", ignore: true}`}},
	{"missing, and another one extra", []string{`{"a":1}`, `{"b":2}`}, []string{"none: new does not say", `{path: "$.b", ignore: true}`}},
	{"another order", []string{`{"tags":["a","b","c"]}`, `{"tags":["c","b","a"]}`}, []string{`{path: "$.tags", unordered: true}`}},
	{"another order in each", []string{`[{"t":[1,2]},{"t":[3,4]}]`, `[{"t":[2,1]},{"t":[4,3]}]`}, []string{`{path: "$[*].t", unordered: true}`}},
	{"no permutation of any", []string{`[["x1","x2"],["x3","x4"]]`, `[["x1","x4"],["x3","x2"]]`}, []string{"none: the values say different things"}},
	{"request ids", []string{
		`{"requestId":"req-00017"}`, `{"requestId":"req-90001"}`,
	}, []string{`{path: "$.requestId", ignore: value}`}},
	{"UUIDs", []string{
		`{"x":"3b241101-e2bb-4255-8caf-4136c566a962"}`, `{"x":"9b2e6c2e-3c5e-4e0b-9a46-0b8f3e6b1a11"}`,
	}, []string{`{path: "$.x", ignore: value}`}},
	{"a UUID and a name", []string{`{"x":"3b241101-e2bb-4255-8caf-4136c566a962"}`, `{"x":"nobody"}`}, []string{"none: the values say different things"}},
	{"other words", []string{`{"x":"red"}`, `{"x":"blue"}`}, []string{"none: the values say different things"}},
	{"a name for a variable", []string{`{"${HOME}":"2026-11-20T21:04:11Z"}`, `{"${HOME}":"2026-11-20T21:04:12Z"}`}, []string{`{path: "$['$${HOME}']", time: {skew: 1s}}`}},
	{"redacted", []string{`{"x":"[redacted]"}`, `{"x":"3b241101-e2bb-4255-8caf-4136c566a962"}`}, []string{"none: the values are too long or secret"}},
	{"another document", []string{`[1]`, `{"a":1}`}, []string{"none: the bodies differ as a whole"}},
}

func TestSuggest(t *testing.T) {
	for _, tt := range suggestCases {
		for _, keep := range []bool{false, true} {
			got := suggestions(t, "application/json", keep, tt.pairs...)
			if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
				t.Errorf("%s (bodies %v):\ngot  %q\nwant %q", tt.name, keep, got, tt.want)
			}
		}
	}
}

func TestSuggestLooksIntoTheBodies(t *testing.T) {
	long := strings.Repeat("x", 2*maxShown)
	for name, tt := range map[string]struct {
		mediaType, old, new string
		want, without       []string
	}{
		"objects in another order": {
			"application/json", `{"items":[{"id":1,"n":"a"},{"id":2,"n":"b"}]}`, `{"items":[{"id":2,"n":"b"},{"id":1,"n":"a"}]}`,
			[]string{`{path: "$.items", unordered: true}`},
			[]string{"none: ", "none: "},
		},
		"the same leaves in other objects": {
			"application/json", `{"items":[{"id":1,"n":"a"},{"id":2,"n":"b"}]}`, `{"items":[{"id":2,"n":"a"},{"id":1,"n":"b"}]}`,
			[]string{"none: "},
			[]string{"none: "},
		},
		"the inner order alone": {
			"application/json", `{"items":[{"t":["a","b"]},{"t":["c","d"]}]}`, `{"items":[{"t":["b","a"]},{"t":["d","c"]}]}`,
			[]string{`{path: "$.items[*].t", unordered: true}`},
			[]string{`{path: "$.items[*].t", unordered: true}`},
		},
		"another order, and a price rounded": {
			"application/json",
			`{"items":[{"id":1,"n":"a","price":1.10},{"id":2,"n":"b","price":2},{"id":3,"n":"c","price":3}]}`,
			`{"items":[{"id":3,"n":"c","price":3},{"id":1,"n":"a","price":1.11},{"id":2,"n":"b","price":2}]}`,
			[]string{`{path: "$.items", key: "$.id"}`, `{path: "$.items[*].price", number: {absolute: 0.01}}`},
			[]string{"none: ", "none: ", "none: "},
		},
		"repeats": {
			"application/json", `{"tags":["a","b","a"]}`, `{"tags":["b","a"]}`,
			[]string{`{path: "$.tags", unordered: set}`},
			[]string{"none: "},
		},
		"long values renamed": {
			"application/json", `{"a":"` + long + `1"}`, `{"b":"` + long + `1"}`,
			[]string{`{path: "$.a", rename: "b"}`},
			[]string{"none: ", `{path: "$.b", ignore: true}`},
		},
		"long values that only begin alike": {
			"application/json", `{"a":"` + long + `1"}`, `{"b":"` + long + `2"}`,
			[]string{"none: ", `{path: "$.b", ignore: true}`},
			[]string{"none: ", `{path: "$.b", ignore: true}`},
		},
	} {
		if got := suggestions(t, tt.mediaType, true, tt.old, tt.new); !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
		if got := suggestions(t, tt.mediaType, false, tt.old, tt.new); !slices.EqualFunc(got, tt.without, strings.HasPrefix) {
			t.Errorf("%s, without the bodies: got %q, want %q", name, got, tt.without)
		}
	}
}

func TestSuggestElsewhere(t *testing.T) {
	seen := []Seen{{Differences: []Difference{
		{Location: InStatus, Kind: KindValue, Old: "200", New: "201"},
		{Location: InHeader, Path: "etag", Kind: KindValue, Old: `"a"`, New: `"b"`},
		{Location: InHeader, Path: "x-extra", Kind: KindExtra, New: "1"},
		{Location: InBody, Path: "", Kind: KindValue, Old: "(2 bytes)", New: "(3 bytes)"},
	}}}
	var got []string
	for _, p := range Suggest(Options{}, seen, nil) {
		got = append(got, fmt.Sprint(p.Places[0].Location, " ", p.Rule))
	}
	want := []string{"status <nil>", "header {header: etag, ignore: value}", "header {header: x-extra, ignore: true}", "body <nil>"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSuggestForNoise(t *testing.T) {
	seen := []Seen{{Differences: []Difference{
		{Location: InBody, Path: "$.items[3].score", Kind: KindValue, Old: "1", New: "900"},
		{Location: InBody, Path: "$.extra", Kind: KindMissing, Old: "1"},
		{Location: InBody, Path: "$.name", Kind: KindValue, Old: `"a"`, New: `"b"`},
	}}}
	noisy := func(d Difference) bool { return d.Path == "$.items[*].score" || d.Path == "$.extra" }
	got := Suggest(Options{}, seen, noisy)
	if len(got) != 3 || got[0].Rule.String() != `{path: "$.items[*].score", ignore: value}` ||
		got[1].Rule.String() != `{path: "$.extra", ignore: true}` || got[2].Rule != nil {
		t.Errorf("%+v", got)
	}
}

func TestSuggestForOtherTypes(t *testing.T) {
	const uuid, other = "3b241101-e2bb-4255-8caf-4136c566a962", "9b2e6c2e-3c5e-4e0b-9a46-0b8f3e6b1a11"
	for name, tt := range map[string]struct {
		mediaType, old, new string
		want                []string
	}{
		"columns in another order": {"text/csv", "a,b\n1,2\n3,4\n", "b,a\n2,1\n4,3\n", []string{`{path: "$", csv: {header: true}}`}},
		"a number in CSV":          {"text/csv", "id,price\n1,2.50\n", "id,price\n1,2.51\n", []string{`{path: "$[*][1]", number: {absolute: 0.01}}`}},
		"a number as JSON text":    {"application/json", `{"price":"2.50"}`, `{"price":"2.51"}`, []string{"none: "}},
		"a time and a number in XML": {
			"application/xml", `<a><t>2026-11-20T21:04:11Z</t><p>49.90</p></a>`, `<a><t>2026-11-20T21:04:12Z</t><p>49.89</p></a>`,
			[]string{`{path: "$.a.t", time: {skew: 1s}}`, `{path: "$.a.p", number: {absolute: 0.01}}`},
		},
		"elements in another order": {
			"application/xml", `<a><r id="1">x</r><r id="2">y</r></a>`, `<a><r id="2">y</r><r id="1">x</r></a>`, []string{`{path: "$.a.r", unordered: true}`},
		},
		"a token in HTML": {
			"text/html", `<html><body><input name=csrf value="` + uuid + `"></body></html>`, `<html><body><input name=csrf value="` + other + `"></body></html>`,
			[]string{`{path: "$.html.body.input['@value']", ignore: value}`},
		},
		"a record of NDJSON": {"application/x-ndjson", `{"id":"` + uuid + `"}` + "\n", `{"id":"` + other + `"}` + "\n", []string{`{path: "$[*].id", ignore: value}`}},
		"a form":             {"application/x-www-form-urlencoded", "a=1&token=" + uuid, "a=1&token=" + other, []string{`{path: "$.token", ignore: value}`}},
		"text":               {"text/plain", "made at 11", "made at 12", []string{"none: the bodies differ as a whole"}},
	} {
		if got := suggestions(t, tt.mediaType, true, tt.old, tt.new); !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
