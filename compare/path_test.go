package compare

import (
	"errors"
	"strings"
	"testing"
)

func TestParsePathReads(t *testing.T) {
	for _, tc := range []struct {
		path    string
		match   []string // concrete paths that it matches
		noMatch []string
	}{
		{"$", []string{"$"}, []string{"$.a", "$[0]"}},
		{"$.a", []string{"$.a", "$['a']"}, []string{"$", "$.b", "$.a.a", "$[0]", "$['a.']"}},
		{"$.a.b", []string{"$.a.b"}, []string{"$.a", "$.b", "$.a.c.b"}},
		{"$ .a\n['b']", []string{"$.a.b"}, []string{"$.a"}},
		{"$[ 'a' ]", []string{"$.a"}, nil},
		{"$[2]", []string{"$[2]"}, []string{"$[1]", "$['2']"}},
		{"$[*]", []string{"$[0]", "$.a"}, []string{"$", "$.a.b"}},
		{"$.*.b", []string{"$.a.b", "$[7].b"}, []string{"$.b", "$.a.a.b"}},
		{"$..b", []string{"$.b", "$.a.b", "$[0][1].b", "$.b.b"}, []string{"$", "$.a", "$.b.a"}},
		{"$..[0]", []string{"$[0]", "$.a[0]", "$[0][0]"}, []string{"$.a", "$[1]"}},
		{"$..['a b'].c", []string{"$['a b'].c", "$.x['a b'].c"}, []string{"$['a b']", "$['a b'].x.c"}},
		{"$..*", []string{"$.a", "$[0].b.c"}, []string{"$"}},
		{"$..a..a", []string{"$.a.a", "$.a.x.a", "$.x.a.a.a"}, []string{"$.a", "$.x.a"}},
		{"$..[*].id", []string{"$.items[3].id", "$[0].id", "$.a.id"}, []string{"$.id"}},
		{`$['a\'b\\c\u00e9\ud83d\ude00\n']`, []string{`$['a\'b\\cé😀\n']`}, nil},
		{`$["a\"b'"]`, []string{`$['a"b\'']`}, nil},
		{"$.größe", []string{"$.größe"}, []string{"$.große"}},
		{"$['']", []string{"$['']"}, nil},
	} {
		p, err := ParsePath(tc.path)
		if err != nil {
			t.Errorf("%s: %v", tc.path, err)
			continue
		}
		if p.String() != tc.path {
			t.Errorf("String() = %q, want %q", p, tc.path)
		}
		for _, place := range tc.match {
			if !matches(t, p, place) {
				t.Errorf("%s does not match %s", tc.path, place)
			}
		}
		for _, place := range tc.noMatch {
			if matches(t, p, place) {
				t.Errorf("%s matches %s", tc.path, place)
			}
		}
	}
}

// matches reports whether p matches a concrete place.
func matches(t *testing.T, p *Path, place string) bool {
	t.Helper()
	concrete, err := ParsePath(place)
	if err != nil {
		t.Fatal(err)
	}
	var c cursor
	c.start(newAutomaton([]*Path{p}, nil))
	for _, s := range concrete.segments {
		if s.selector == byName {
			c.name([]byte(s.name))
		} else {
			c.index(s.index)
		}
	}
	got := c.matched()
	for range concrete.segments {
		c.pop()
	}
	if len(c.states) != 1 || c.top() != c.automaton.root {
		t.Errorf("pop did not lead back to the root: %v", c.states)
	}
	return got
}

func TestParsePathRefuses(t *testing.T) {
	for _, tc := range []struct {
		path    string
		offset  int
		problem string
	}{
		{"", 0, "must begin with $"},
		{"a.b", 0, "must begin with $"},
		{"@.a", 0, "must begin with $"},
		{"length($.a)", 0, "must begin with $"},
		{"$a", 1, "expected . or ["},
		{"$.", 2, "expected a name"},
		{"$..", 3, "expected a name"},
		{"$...a", 3, "expected a name"},
		{"$. a", 2, "expected a name"},
		{"$.1a", 2, "expected a name"},
		{"$.a-b", 3, "'-' cannot stand in a bare name"},
		{"$.a.length()", 10, "functions are not supported"},
		{"$.a ", 4, "expected . or ["},
		{"$[?@.a]", 2, "filters are not supported"},
		{"$.a[?(@.b>1)]", 4, "filters are not supported"},
		{"$[1:2]", 3, "slices are not supported"},
		{"$[:2]", 2, "slices are not supported"},
		{"$[0,1]", 3, "unions are not supported"},
		{"$['a','b']", 5, "unions are not supported"},
		{"$[-1]", 2, "negative indexes are not supported"},
		{"$[01]", 2, "an index has no leading zero"},
		{"$[99999999999999999999]", 2, "the index is too large"},
		{"$[", 2, "the path ends inside ["},
		{"$[0", 3, "the path ends inside ["},
		{"$['a'", 5, "the path ends inside ["},
		{"$['a", 2, "the quoted name does not end"},
		{"$[a]", 2, "expected a quoted name"},
		{"$['a' b]", 6, "expected ]"},
		{`$['\x']`, 3, "no such escape"},
		{`$['\"']`, 3, "no such escape"},
		{`$['\u12']`, 3, "four hexadecimal digits"},
		{`$['\ud800']`, 3, "half of a surrogate pair"},
		{`$['\ud800\u0041']`, 3, "half of a surrogate pair"},
		{"$['\n']", 3, "a control character must be escaped"},
		{"$.a\xff", 3, "is not valid UTF-8"},
		{"$" + strings.Repeat("[0]", maxDepth+1), 1 + 3*(maxDepth+1), "more than 512 segments"},
	} {
		_, err := ParsePath(tc.path)
		var e *PathError
		if !errors.As(err, &e) {
			t.Errorf("%q: error %v", tc.path, err)
			continue
		}
		if e.Offset != tc.offset || !strings.Contains(e.Problem, tc.problem) {
			t.Errorf("%q: %v, want offset %d: %s", tc.path, err, tc.offset, tc.problem)
		}
	}
}

func TestGroupPath(t *testing.T) {
	for path, want := range map[string]string{
		"":                       "",
		"content-type":           "content-type",
		"x[3]":                   "x[3]",
		"$":                      "$",
		"$.items[3].price":       "$.items[*].price",
		"$[0][12]['a/b'][7]":     "$[*][*]['a/b'][*]",
		`$['a[3]'][3]`:           `$['a[3]'][*]`,
		`$['it\'s [1]'].b[1]`:    `$['it\'s [1]'].b[*]`,
		`$['\\'][1]['\\\'[2]']`:  `$['\\'][*]['\\\'[2]']`,
		"$['7'].a":               "$['7'].a",
		"$.items[*].price":       "$.items[*].price",
		"$['it\\'s'].items[100]": "$['it\\'s'].items[*]",
	} {
		if got := GroupPath(path); got != want {
			t.Errorf("GroupPath(%s) = %s, want %s", path, got, want)
		}
	}
}

func TestSignature(t *testing.T) {
	at := func(path string, kind Kind, old string) Difference {
		return Difference{Location: InBody, Path: path, Kind: kind, Old: old}
	}
	base := Signature("product", []Difference{at("$.a[1].b", KindValue, "1"), at("$.c", KindMissing, "2")})
	if len(base) != 16 {
		t.Errorf("signature %q", base)
	}
	for _, tc := range []struct {
		name        string
		route       string
		differences []Difference
		same        bool
	}{
		{"other index and values", "product", []Difference{at("$.a[7].b", KindValue, "9"), at("$.c", KindMissing, "")}, true},
		{"other order", "product", []Difference{at("$.c", KindMissing, "2"), at("$.a[1].b", KindValue, "1")}, true},
		{"several indexes", "product", []Difference{at("$.a[1].b", KindValue, ""), at("$.a[2].b", KindValue, ""), at("$.c", KindMissing, "")}, true},
		{"other route", "search", []Difference{at("$.a[1].b", KindValue, "1"), at("$.c", KindMissing, "2")}, false},
		{"other kind", "product", []Difference{at("$.a[1].b", KindType, "1"), at("$.c", KindMissing, "2")}, false},
		{"other path", "product", []Difference{at("$.a[1].b", KindValue, "1"), at("$.d", KindMissing, "2")}, false},
		{"one fewer", "product", []Difference{at("$.a[1].b", KindValue, "1")}, false},
		{"other location", "product", []Difference{{Location: InHeader, Path: "$.a[1].b", Kind: KindValue}, at("$.c", KindMissing, "2")}, false},
	} {
		if got := Signature(tc.route, tc.differences); (got == base) != tc.same {
			t.Errorf("%s: %s and %s", tc.name, got, base)
		}
	}
}
