package proxy

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func compiled(t testing.TB, routes ...Route) *table {
	t.Helper()
	table, err := (&Proxy{metrics: newMetrics()}).compile(Table{Comparer: plain{}, Routes: routes})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func asked(method, target string, header http.Header) *inbound {
	in := &inbound{method: method, target: target, header: header}
	in.path, in.query, in.hasQuery = strings.Cut(target, "?")
	return in
}

// However a backend may read the path of a read: where the routes call one reading a write, it is one.
func TestSpellingsOfAWriteAreWrites(t *testing.T) {
	table := compiled(
		t,
		Route{Name: "purge", Methods: []string{"GET"}, Path: "/admin/purge", Kind: Write},
		Route{Name: "drop", Path: "/Tables/{id}/Drop", Kind: Write},
		Route{Name: "tree", Path: "/jobs/run/", Kind: Write},
		Route{Name: "cancel", Path: "/v1/{doc...}:cancel", Kind: Write},
		Route{Name: "socket", Path: "/live/socket", Kind: Bypass},
		Route{Name: "query", Methods: []string{"POST"}, Path: "/api/{name}"},
	)
	for _, c := range []struct{ method, target, route string }{
		{"GET", "/admin/purge", "purge"},
		{"GET", "/admin%2Fpurge", "purge"},
		{"GET", "/admin%2fpurge?a=b", "purge"},
		{"GET", "/admin%252Fpurge", "purge"},
		{"GET", "/ADMIN/purge", "purge"},
		{"GET", "/admin/PurGE", "purge"},
		{"GET", "/admin/%50urge", "purge"},
		{"GET", "/admin/purge/", "purge"},
		{"GET", "/admin/purge//", "purge"},
		{"GET", `/admin\purge`, "purge"},
		{"GET", "/admin%5Cpurge", "purge"},
		{"GET", `/x\..\admin\purge`, "purge"},
		{"GET", "/x/..%2Fadmin/purge", "purge"},
		{"GET", "/admin/purge;jsessionid=1", "purge"},
		{"GET", "/admin;x/./purge", "purge"},
		{"HEAD", "/Admin/Purge/", "purge"},
		{"GET", "/tables/1/drop", "drop"},
		{"GET", "/tables/a%2Fb/DROP", "drop"},
		{"GET", "/tables/%2e%2E/drop", "drop"},
		{"GET", "/TABLES/%2e%2E/drop", "drop"},
		{"GET", "/jobs/run", "tree"},
		{"GET", "/jobs/RUN/7", "tree"},
		{"GET", "/v1/a/b:CANCEL", "cancel"},
		{"GET", "/live//socket", "socket"},
		{"POST", "/api/x%2F..%2F..%2Forders", "write"},
	} {
		in := asked(c.method, c.target, nil)
		if r, kind := table.classify(in, nil); kind == Read || r.Name != c.route {
			t.Errorf("%s %s: %s by route %s, want no read, by %s", c.method, c.target, kind, r.Name, c.route)
		}
	}
	for _, c := range []struct{ method, target string }{
		{"GET", "/"},
		{"GET", "/Admin/Pages"},
		{"GET", "/products/A%2FB"},
		{"GET", "/admin/purges/"},
		{"POST", "/api/Messages"},
		{"GET", "/tables/1/"},
		{"GET", "/jobs/runner"},
		{"GET", "//"},
		{"GET", "/%"},
		{"GET", "/%zz/;"},
	} {
		if r, kind := table.classify(asked(c.method, c.target, nil), nil); kind != Read {
			t.Errorf("%s %s: %s by route %s, want a read", c.method, c.target, kind, r.Name)
		}
	}
}

// A read route that is declared before decides in every spelling, too.
func TestSpellingsKeepTheOrderOfRoutes(t *testing.T) {
	table := compiled(t, Route{Name: "product", Path: "/api/products/{id}"}, Route{Name: "rest", Path: "/api/", Kind: Write})
	for target, want := range map[string]Kind{
		"/api/products/X": Read, "/API/products/x": Read, "/api/products/x%20y": Read, "/api/x": Write, "/API/x": Write, "/api": Write,
		"/api/products/a%2Fb": Write, // to a backend that decodes first it is under /api/
	} {
		if _, kind := table.classify(asked("GET", target, nil), nil); kind != want {
			t.Errorf("%s: %s, want %s", target, kind, want)
		}
	}
}

func TestMethodOverridesAreWrites(t *testing.T) {
	for _, c := range []struct {
		name, method, target, contentType, body string
		header                                  http.Header
		want                                    Kind
	}{
		{name: "underscores", method: "GET", target: "/q", header: http.Header{"X_http_method_override": {"DELETE"}}, want: Write},
		{name: "mixed", method: "GET", target: "/q", header: http.Header{"X-Http_method": {"PUT"}}, want: Write},
		{name: "two values", method: "GET", target: "/q", header: http.Header{"X-Http-Method": {"GET", "PUT"}}, want: Write},
		{name: "another header", method: "GET", target: "/q", header: http.Header{"X-Http-Methods": {"PUT"}}, want: Read},
		{name: "query", method: "GET", target: "/q?a=b&_method=delete", want: Write},
		{name: "query, escaped", method: "GET", target: "/q?%5Fmethod=%64elete", want: Write},
		{name: "query to nothing", method: "GET", target: "/q?_method=", want: Read},
		{name: "query to a read", method: "GET", target: "/q?_method=get", want: Read},
		{name: "query of another name", method: "GET", target: "/q?method=delete", want: Read},
		{name: "query, the header's name", method: "GET", target: "/q?X-HTTP-Method-Override=PATCH", want: Write},
		{name: "form", method: "POST", target: "/q", contentType: "application/x-www-form-urlencoded", body: "a=b&_method=PUT", want: Write},
		{name: "form to a read", method: "POST", target: "/q", contentType: "application/x-www-form-urlencoded", body: "a=b&_method=GET", want: Read},
		{name: "form, as a value", method: "POST", target: "/q", contentType: "application/x-www-form-urlencoded", body: "a=_method", want: Read},
		{name: "multipart", method: "POST", target: "/q", contentType: "multipart/form-data; boundary=b", body: "--b\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nput\r\n--b--\r\n", want: Write},
		{name: "JSON", method: "POST", target: "/q", contentType: "application/json", body: `{"_method":"DELETE"}`, want: Write},
		{name: "JSON to a read", method: "POST", target: "/q", contentType: "application/json", body: `{"_method":"GET"}`, want: Read},
		{name: "JSON, deeper", method: "POST", target: "/q", contentType: "application/json", body: `{"a":{"_method":"DELETE"}}`, want: Read},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := c.header
			if h == nil {
				h = http.Header{}
			}
			if c.contentType != "" {
				h["Content-Type"] = []string{c.contentType}
			}
			in := asked(c.method, c.target, h)
			_, kind := compiled(t, Route{Name: "q", Methods: []string{"POST"}, Path: "/q"}).classify(in, nil)
			if kind == Read && judgeBody(in, []byte(c.body), true) != harmless {
				kind = Write
			}
			if kind != c.want {
				t.Errorf("%s, want %s", kind, c.want)
			}
		})
	}
}

// The hash of a stored mutation looks like that of a query.
func TestStoredOperations(t *testing.T) {
	const hash = `"extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}`
	for _, c := range []struct {
		name, method, target, contentType, body string
		want                                    verdictOnBody
	}{
		{"by hash", "POST", "/q", "application/json", `{` + hash + `}`, writes},
		{"by hash in a batch", "POST", "/q", "application/json", `[{"query":"{a}"},{` + hash + `}]`, writes},
		{"hash and query", "POST", "/q", "application/json", `{"query":"{a}",` + hash + `}`, harmless},
		{"hash and no query", "POST", "/q", "application/json", `{"query":null,` + hash + `}`, writes},
		{"id", "POST", "/graphql", "application/json", `{"id":"7","variables":{}}`, writes},
		{"id behind the path", "POST", "/graphql/7", "application/json", `{}`, writes},
		{"no body", "POST", "/graphql/7", "", ``, writes},
		{"id elsewhere", "POST", "/search", "application/json", `{"id":"7"}`, harmless},
		{"query", "POST", "/GraphQL", "application/json", `{"query":"{a}"}`, harmless},
		{"form", "POST", "/graphql", "application/x-www-form-urlencoded", `documentId=7`, writes},
		{"form with a query", "POST", "/graphql", "application/x-www-form-urlencoded", `query={a}`, harmless},
		{"by GET", "GET", "/graphql?extensions=%7B%22persistedQuery%22%3A1%7D", "", "", harmless},
		{"no JSON", "POST", "/graphql", "application/json", `{"id":`, writes},
	} {
		in := asked(c.method, c.target, http.Header{"Content-Type": {c.contentType}})
		if got := judgeBody(in, []byte(c.body), true); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// A mutation behind what may be kept of a body is neither mirrored nor sent on as a read.
func TestMutationBeyondTheLimitIsAWrite(t *testing.T) {
	p := shadowPlan
	p.Reads, p.Shadow = New, Old // as in canary, where a read reaches new
	wrote := make(chan int, 1)
	r := start(t, p, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		wrote <- int(r.ContentLength)
	}), text("read by new"), func(o *Options) {
		o.Table.MaxBody = 1000
		o.Table.Routes = []Route{{Name: "q", Methods: []string{"POST"}, Path: "/q"}}
	})
	body := `{"pad":"` + strings.Repeat("x", 5000) + `","query":"mutation{a}"}`
	if _, answer := r.do("POST", "/q", strings.NewReader(body), "Content-Type", "application/json"); answer != "" {
		t.Errorf("answered %q", answer)
	}
	await(t, "old's request", func() bool { return len(wrote) == 1 })
	if n := <-wrote; n != len(body) {
		t.Errorf("old got %d bytes", n)
	}
	if x := r.account.only(t); x.Result.Reason != "request_body" {
		t.Errorf("%+v", x.Result)
	}
}

// What a backend takes for a write that decodes the path once, or again, or in another case, is never a read here.
func FuzzSpelling(f *testing.F) {
	table := compiled(f, Route{Name: "purge", Path: "/admin/purge/{id}", Kind: Write}, Route{Name: "cut", Path: "/v1/{doc...}:cut", Kind: Write})
	f.Add("/ADMIN%2fpurge/1")
	f.Add("/v1/x%253aCUT")
	f.Fuzz(func(t *testing.T, path string) {
		target := "/" + strings.ReplaceAll(path, "?", "")
		_, kind := table.classify(asked("GET", target, nil), nil)
		once, err := url.PathUnescape(target)
		if err != nil || kind != Read {
			return
		}
		for _, other := range []string{once, strings.ToLower(once), cleanPath(once), cleanPath(strings.ToLower(once))} {
			if r, k := table.find(asked("GET", "/", nil), other, nil); k != Read {
				t.Errorf("%q is a read, and a write by %s as %q", target, r.Name, other)
			}
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	table := compiled(b, Route{Name: "purge", Path: "/admin/purge", Kind: Write}, Route{Name: "product", Methods: []string{"GET"}, Path: "/api/products/{id}"})
	for name, target := range map[string]string{"plain": "/api/products/1?a=b", "odd": "/api/products/A%20b"} {
		in := asked("GET", target, http.Header{"Accept": {"*/*"}, "User-Agent": {"x"}, "Host": {"x"}})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.classify(in, nil)
			}
		})
	}
}
