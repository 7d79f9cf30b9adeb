package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestPatternMatchesTheEscapedPath(t *testing.T) {
	for _, c := range []struct {
		pattern, path, want string // want: captures, or "no"
	}{
		{"/", "/", "[{... }]"},
		{"/", "/a/b", "[{... a/b}]"},
		{"/{$}", "/", "[]"},
		{"/{$}", "/a", "no"},
		{"/a", "/a", "[]"},
		{"/a", "/a/", "no"},
		{"/a", "/A", "no"},
		{"/a", "/%61", "[]"},
		{"/a/", "/a", "no"},
		{"/a/", "/a/", "[{... }]"},
		{"/a/", "/a/b/c", "[{... b/c}]"},
		{"/p/{id}", "/p/1", "[{id 1}]"},
		{"/p/{id}", "/p/", "no"},
		{"/p/{id}", "/p/1/2", "no"},
		{"/p/{id}", "/p/a%2Fb", "[{id a%2Fb}]"},
		{"/p/{id}", "/p//x", "no"},
		{"/p/{id}/x", "/p/1/x", "[{id 1}]"},
		{"/p/{id}:cancel", "/p/7:cancel", "[{id 7}]"},
		{"/p/{id}:cancel", "/p/7%3Acancel", "[{id 7}]"},
		{"/p/{id}:cancel", "/p/:cancel", "no"},
		{"/v1/{doc...}:runQuery", "/v1/a/b/c:runQuery", "[{doc a/b/c}]"},
		{"/v1/{doc...}:runQuery", "/v1/a:run", "no"},
		{"/f/{rest...}", "/f/", "[{rest }]"},
		{"/f/{rest...}", "/f", "no"},
		{"/f/{rest...}", "/f//x", "[{rest /x}]"},
		{"/a%20b", "/a%20b", "[]"},
		{"/é", "/%C3%A9", "[]"},
		{"/x1", "/x%41", "no"},
		{"/1", "/%31", "[]"},
	} {
		p, err := ParsePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		var captures []capture
		got := "no"
		if p.match(c.path, &captures) {
			got = fmt.Sprint(captures)
		}
		if got != c.want {
			t.Errorf("%s on %s: got %s, want %s", c.pattern, c.path, got, c.want)
		}
	}
}

func TestBadPatternsSayWhere(t *testing.T) {
	for pattern, want := range map[string]string{
		"":          `path pattern "", offset 0: a path begins with a slash`,
		"a":         `path pattern "a", offset 0: a path begins with a slash`,
		"/a/{":      `path pattern "/a/{", offset 3: the wildcard's closing brace is missing`,
		"/a}":       `path pattern "/a}", offset 2: a closing brace without an opening one`,
		"/a/x{id}":  `path pattern "/a/x{id}", offset 4: a wildcard begins its segment`,
		"/{}":       `path pattern "/{}", offset 2: the wildcard's name "" is no identifier`,
		"/{1a}":     `path pattern "/{1a}", offset 2: the wildcard's name "1a" is no identifier`,
		"/{a}/{a}":  `path pattern "/{a}/{a}", offset 5: the wildcard "a" is there twice`,
		"/{a...}/b": `path pattern "/{a...}/b", offset 1: a wildcard for the rest ends a pattern`,
		"/{$}/b":    `path pattern "/{$}/b", offset 1: {$} ends a pattern`,
		"/{a}x{b}":  `path pattern "/{a}x{b}", offset 4: only a literal may follow a wildcard in its segment`,
		"/%zz":      `path pattern "/%zz", offset 1: invalid URL escape "%zz"`,
	} {
		if _, err := ParsePattern(pattern); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", pattern, err, want)
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("/p/{id}:x", "/p/1:x")
	f.Add("/{a...}", "/%2F")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		p, err := ParsePattern(pattern)
		if err != nil {
			return
		}
		var captures []capture
		if p.match(path, &captures) && !strings.HasPrefix(path, "/") {
			t.Errorf("%q matches %q", pattern, path)
		}
		for _, c := range captures {
			if !strings.Contains(path, c.value) {
				t.Errorf("%q on %q captured %q", pattern, path, c.value)
			}
		}
	})
}

func FuzzGraphQL(f *testing.F) {
	f.Add(`{"query":"mutation { a }"}`)
	f.Add("query { a(b: \"\"\"mutation\"\"\") }")
	f.Fuzz(func(_ *testing.T, s string) {
		hasMutation(s)
		jsonMutates([]byte(s), len(s)%2 == 0)
	})
}

// Rule 9: what might write is a write.
func TestClassify(t *testing.T) {
	m := newMetrics()
	p := &Proxy{metrics: m}
	table, err := p.compile(Table{Comparer: plain{}, Routes: []Route{
		{Name: "danger", Methods: []string{"GET"}, Path: "/api/delete/{id}", Kind: Write},
		{Name: "product", Methods: []string{"GET"}, Path: "/api/products/{id}"},
		{Name: "query", Methods: []string{"POST"}, Path: "/api/query"},
		{Name: "open", Path: "/open/"},
		{Name: "socket", Path: "/events", Kind: Bypass},
		{Name: "tenant", Host: "*.example.com", Headers: map[string]string{"X-Tenant": "a", "X-Any": ""}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method, target, route string
		kind                        Kind
		header                      http.Header
	}{
		{"declared read", "GET", "/api/products/1", "product", Read, nil},
		{"HEAD goes with GET", "HEAD", "/api/products/1", "product", Read, nil},
		{"query is not the path", "GET", "/api/products/1?x=/y", "product", Read, nil},
		{"undeclared GET", "GET", "/x", "read", Read, nil},
		{"undeclared OPTIONS", "OPTIONS", "/x", "read", Read, nil},
		{"undeclared POST", "POST", "/x", "write", Write, nil},
		{"unknown method", "PURGE", "/x", "write", Write, nil},
		{"PROPFIND", "PROPFIND", "/x", "write", Write, nil},
		{"POST that is a read", "POST", "/api/query", "query", Read, nil},
		{"POST on a read without methods", "POST", "/open/x", "open", Write, nil},
		{"GET on a read without methods", "GET", "/open/x", "open", Read, nil},
		{"GET that writes", "GET", "/api/delete/1", "danger", Write, nil},
		{"GET that writes, escaped", "GET", "/api/%64elete/1", "danger", Write, nil},
		{"GET that writes, unclean", "GET", "/api//delete/1", "danger", Write, nil},
		{"GET that writes, dots", "GET", "/api/x/../delete/1", "danger", Write, nil},
		{"GET that writes, escaped dots", "GET", "/api/x/%2e%2E/delete/1", "danger", Write, nil},
		{"override", "GET", "/x", "read", Write, http.Header{"X-Http-Method-Override": {"DELETE"}}},
		{"override by another name", "GET", "/x", "read", Write, http.Header{"X-Method-Override": {"patch"}}},
		{"override on a read route", "POST", "/api/query", "query", Write, http.Header{"X-Http-Method": {"PUT"}}},
		{"override to a read", "GET", "/x", "read", Read, http.Header{"X-Http-Method-Override": {"head"}}},
		{"override does not make a read", "POST", "/x", "write", Write, http.Header{"X-Http-Method-Override": {"GET"}}},
		{"bypass", "GET", "/events", "socket", Bypass, nil},
		{"host and headers", "GET", "/t", "tenant", Read, http.Header{"X-Tenant": {"a"}, "X-Any": {"z"}, "Host": {"A.example.com:80"}}},
		{"other host", "GET", "/t", "read", Read, http.Header{"X-Tenant": {"a"}, "X-Any": {"z"}, "Host": {"example.com"}}},
		{"other header", "GET", "/t", "read", Read, http.Header{"X-Tenant": {"b"}, "X-Any": {"z"}, "Host": {"a.example.com"}}},
	} {
		in := &inbound{method: c.method, target: c.target, header: c.header, host: c.header.Get("Host")}
		in.path, in.query, in.hasQuery = strings.Cut(c.target, "?")
		if r, kind := table.classify(in, nil); r.Name != c.route || kind != c.kind {
			t.Errorf("%s: got %s %s, want %s %s", c.name, r.Name, kind, c.route, c.kind)
		}
	}
}

func TestGraphQLMutationsAreWrites(t *testing.T) {
	for body, want := range map[string]bool{
		`{"query":"{ a }"}`:                                        false,
		`{"query":"query Q { mutation }"}`:                         false,
		`{"query":"mutation M { a }"}`:                             true,
		`{"query":"# mutation\nquery { a(x: \"mutation\") }"}`:     false,
		`{"query":"query A { a } mutation B { b }"}`:               true,
		`{"query":"subscription { a }"}`:                           true,
		`[{"query":"{ a }"},{"query":"mutation { b }"}]`:           true,
		`{"qu\u0065ry":"mut\u0061tion { a }"}`:                     true,
		`{"query":"query($q: String = \"\"\"}mutation\"\"\"){a}"}`: false,
		`{"path":"messages:list"}`:                                 false,
		`not json`:                                                 false,
	} {
		in := &inbound{path: "/q", header: http.Header{"Content-Type": {"application/json"}}}
		if got := judgeBody(in, []byte(body), true) == writes; got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
	if in := (&inbound{path: "/graphql", header: http.Header{}}); judgeBody(in, []byte(`{"query":"{`), false) != writes {
		t.Error("half a body cannot be shown to be a read")
	}
}
