package proxy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"paritygate/compare"
)

func TestLookUp(t *testing.T) {
	for _, tc := range []struct {
		path, text, want string
		found            finding
	}{
		{"$.path", `{"path":"messages:list"}`, "messages:list", hit},
		{"$.path", " \n{ \"a\" : [ { \"path\" : 1 }, \"}\\\"\" ] , \"path\" : \"x\" } ", "x", hit},
		{"$.path", `{"p\u0061th":"\u006dessages\n"}`, "messages\n", hit},
		{"$.a.b", `{"a":{"b":"x","c":{"b":"y"}},"b":"z"}`, "x", hit},
		{"$[1].a", `[{"a":"x"},{"a":"y"}]`, "y", hit},
		{"$.a[2]", `{"a":[[1,2],{"x":[]},-1.50e+3,4]}`, "-1.50e+3", hit},
		{"$['a b']", `{"a b":true}`, "true", hit},
		{"$", `"x"`, "x", hit},
		{"$", ` 17 `, "17", hit},
		{"$.path", `{"path":null}`, "", miss},
		{"$.path", `{"path":["x"]}`, "", miss},
		{"$.path", `{"path":{"path":"x"}}`, "", miss},
		{"$.path", `{}`, "", miss},
		{"$.path", `[]`, "", miss},
		{"$.path", `["path","x"]`, "", miss},
		{"$.path.x", `{"path":"x"}`, "", miss},
		{"$[2]", `[1,[2,3]]`, "", miss},
		{"$[0]", `{"0":"x"}`, "", miss},
		{"$.path", `{"path":"x","path":"x"}`, "", doubtful},
		{"$.path", `{"path":"x","p\u0061th":"y"}`, "", doubtful},
		{"$.path", `{"path":"x","PATH":"y"}`, "", doubtful},
		{"$.path", `{"Path":"x"}`, "", doubtful},
		{"$.kind", `{"kind":"x","\u212aind":"y"}`, "", doubtful}, // KELVIN SIGN
		{"$.a.b", `{"a":{"b":"x"},"a":{"b":"x"}}`, "", doubtful},
		{"$.a.b", `{"a":{"b":"x","c":1,"b":2}}`, "", doubtful},
		{"$.a.b", `{"a":{"b":"x"},"c":{"d":1,"d":2}}`, "x", hit},
	} {
		steps, err := compare.ParseSteps(tc.path)
		if err != nil {
			t.Fatal(err)
		}
		if got, found := lookUp([]byte(tc.text), steps); got != tc.want || found != tc.found {
			t.Errorf("%s in %s: %q, %d", tc.path, tc.text, got, found)
		}
	}
}

// Whatever the text, a value that is found is the one that encoding/json finds, too.
func FuzzLookUp(f *testing.F) {
	f.Add(`{"a":{"b":"x"}}`)
	f.Add(`{"b":1,"a":{"c":[{"b":2}],"b":-1.0}}`)
	f.Add(`[{"a":"\ud83d"},"\\\"",{}]`)
	steps, err := compare.ParseSteps("$.a.b")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		got, found := lookUp([]byte(text), steps)
		var doc struct{ A struct{ B any } }
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&doc); err != nil {
			if found == hit {
				t.Fatalf("%q in %s, but %v", got, text, err)
			}
			return
		}
		if _, isList := doc.A.B.([]any); found == hit && fmt.Sprint(doc.A.B) != got || found == miss && doc.A.B != nil && !isList {
			if _, isObject := doc.A.B.(map[string]any); !isObject {
				t.Fatalf("%d %q in %s, want %v", found, got, text, doc.A.B)
			}
		}
	})
}

func TestJSONMatchCheck(t *testing.T) {
	for _, tc := range []struct {
		match         JSONMatch
		path, pattern string
	}{
		{JSONMatch{"$.path", "^messages:"}, "", ""},
		{JSONMatch{"$..path", "x"}, `path "$..path": must name one place: * and .. may name several`, ""},
		{JSONMatch{"$.a[*]", "x"}, `path "$.a[*]": must name one place: * and .. may name several`, ""},
		{JSONMatch{"$.a[?@.b]", "a(b"}, `path "$.a[?@.b]", offset 4: filters are not supported`, `pattern "a(b", offset 0: missing closing )`},
		{JSONMatch{"$", "ab[c"}, "", `pattern "ab[c", offset 2: missing closing ]`},
		{JSONMatch{"$", `a(?=b)`}, "", `pattern "a(?=b)", offset 1: invalid or unsupported Perl syntax`},
	} {
		text := func(err error) string {
			if err == nil {
				return ""
			}
			return err.Error()
		}
		if path, pattern := tc.match.Check(); text(path) != tc.path || text(pattern) != tc.pattern {
			t.Errorf("%+v: %v; %v", tc.match, path, pattern)
		}
	}
}

// heard is what a backend was sent.
type heard struct {
	mu     sync.Mutex
	bodies []string
}

func (h *heard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	h.bodies = append(h.bodies, string(body))
	h.mu.Unlock()
	_, _ = io.WriteString(w, "fine")
}

func (h *heard) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.bodies
	h.bodies = nil
	return out
}

// Requests to one path are told apart by what their bodies say. A request that some backend might read as a write is one, and every
// body reaches its backend as it was sent.
func TestRoutesByJSON(t *testing.T) {
	const limit = 4 << 10
	post := []string{"POST"}
	old, fresh := &heard{}, &heard{}
	r := start(t, shadowPlan, old, fresh, func(o *Options) {
		o.Table = Table{Comparer: plain{}, MaxBody: limit, ShadowTimeout: 5 * time.Second, Routes: []Route{
			{Name: "messages", Methods: post, Path: "/api/query", JSON: &JSONMatch{"$.path", "^messages:"}},
			{Name: "users", Methods: post, Path: "/api/query", JSON: &JSONMatch{"$.args.kind", "^user$"}},
			{Name: "rest", Methods: post, Path: "/api/", Kind: Write},
			{Name: "set", Methods: post, Path: "/rpc", JSON: &JSONMatch{"$.method", "^set"}, Kind: Write},
			{Name: "get", Methods: post, Path: "/rpc"},
			{Name: "unnamed", Path: "/any", JSON: &JSONMatch{"$.path", "^messages:"}},
		}}
	})
	const list, jsonType = `{"path":"messages:list","args":{}}`, "application/json"
	pad := func(n int) string { return strings.Repeat(" ", n) }
	for _, tc := range []struct {
		name, path, body string
		header           []string
		route            string
		kind             Kind
	}{
		{"found", "/api/query", list, nil, "messages", Read},
		{"found by the second route", "/api/query", `{"path":"users:get","args":{"kind":"user"}}`, nil, "users", Read},
		{"another value", "/api/query", `{"path":"users:set"}`, nil, "rest", Write},
		{"found in the middle only", "/api/query", `{"path":"delete messages:"}`, nil, "rest", Write},
		{"no such member", "/api/query", `{"args":{}}`, nil, "rest", Write},
		{"a type that is not JSON's", "/api/query", list, []string{"Content-Type", "text/plain"}, "messages", Read},
		{"no type", "/api/query", list, []string{"Content-Type", ""}, "messages", Read},
		{"twice", "/api/query", `{"path":"messages:list","path":"messages:delete"}`, nil, "rest", Write},
		{"twice, in another case", "/api/query", `{"path":"messages:list","Path":"users:delete"}`, nil, "rest", Write},
		{"no JSON", "/api/query", list + "x", nil, "rest", Write},
		{"two texts", "/api/query", list + list, nil, "rest", Write},
		{"a comment", "/api/query", `{"path":"messages:list"/*,"path":"x"*/}`, nil, "rest", Write},
		{"a BOM", "/api/query", "\ufeff" + list, nil, "rest", Write},
		{"no body", "/api/query", "", nil, "rest", Write},
		{"encoded", "/api/query", zipped(t, list, 9), []string{"Content-Encoding", "gzip"}, "rest", Write},
		{"said to be encoded", "/api/query", list, []string{"Content-Encoding", "br"}, "rest", Write},
		{"in another charset", "/api/query", list, []string{"Content-Type", "application/json; charset=utf-7"}, "rest", Write},
		{"as large as can be looked through", "/api/query", list + pad(limit-len(list)), nil, "messages", Read},
		{"larger", "/api/query", list + pad(limit-len(list)+1), nil, "rest", Write},
		{"much larger", "/api/query", list + pad(50*limit), nil, "rest", Write},
		{"another spelling of the path", "/api//query", list, nil, "rest", Write},
		{"overridden by a header", "/api/query", list, []string{"X-HTTP-Method-Override", "DELETE"}, "messages", Write},
		{"a mutation of GraphQL", "/api/query", `{"path":"messages:list","query":"mutation { a }"}`, nil, "messages", Write},
		{"a write by its value", "/rpc", `{"method":"setName"}`, nil, "set", Write},
		{"a read by its value", "/rpc", `{"method":"getName"}`, nil, "get", Read},
		{"perhaps a write", "/rpc", `{"method":"getName","method":"setName"}`, nil, "get", Write},
		{"perhaps a write in JSON with comments", "/rpc", `{/**/"method":"setName"}`, nil, "get", Write},
		{"too large to know", "/rpc", `{"method":"getName"}` + pad(limit), nil, "get", Write},
		{"a read without a body", "/rpc", "", nil, "get", Read},
		{"a method that is not named", "/any", list, nil, "unnamed", Write},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, chunked %v", tc.name, chunked), func(t *testing.T) {
				before := len(r.account.all())
				header := append([]string{"Content-Type", jsonType}, tc.header...)
				if len(tc.header) > 0 && tc.header[0] == "Content-Type" {
					header = tc.header
				}
				var body io.Reader = strings.NewReader(tc.body)
				if chunked && tc.body != "" {
					body = struct{ io.Reader }{body}
				}
				if _, got := r.do("POST", tc.path, body, header...); got != "fine" {
					t.Fatalf("answered %q", got)
				}
				if got := old.take(); len(got) != 1 || got[0] != tc.body {
					t.Errorf("old was sent %.80q", got)
				}
				if tc.kind == Write {
					if got := r.account.all(); len(got) != before {
						t.Errorf("it was taken for a read: %s", got[before].Route)
					}
					if got := fresh.take(); got != nil {
						t.Errorf("new was sent %.80q", got)
					}
					return
				}
				await(t, "the verdict", func() bool { return len(r.account.all()) == before+1 })
				if x := r.account.all()[before]; x.Route != tc.route || x.Result.Verdict != compare.Match {
					t.Errorf("route %s, %s %s", x.Route, x.Result.Verdict, x.Result.Reason)
				}
				if got := fresh.take(); len(got) != 1 || got[0] != tc.body {
					t.Errorf("new was sent %.80q", got)
				}
			})
		}
	}
	routed := map[string]float64{"messages": 2 * 4, "users": 2, "get": 2 * 2}
	for route, want := range routed {
		labels := map[string]string{"route": route, "kind": "read", "backend": "old", "role": "authority", "code": "2xx"}
		if got := metric(t, r.registry, "paritygate_requests_total", labels); got != want {
			t.Errorf("route %s answered %v reads, want %v", route, got, want)
		}
	}
}

// A client that waits to be told to go on is told, and one that leaves in the middle of its body is not waited for.
func TestRoutesByJSONAskForTheBody(t *testing.T) {
	old := &heard{}
	r := start(t, shadowPlan, old, text("fine"), func(o *Options) {
		o.Table.Routes = []Route{{Name: "q", Methods: []string{"POST"}, Path: "/q", JSON: &JSONMatch{"$.path", "^messages:"}}}
	})
	const body = `{"path":"messages:list"}`
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = fmt.Fprintf(conn, "POST /q HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	reader := bufio.NewReader(conn)
	if line, err := reader.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = reader.ReadString('\n')
	_, _ = io.WriteString(conn, body)
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if x := r.account.only(t); x.Route != "q" || resp.StatusCode != 200 {
		t.Errorf("route %s, status %d", x.Route, resp.StatusCode)
	}
	_ = old.take()

	left, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(left, "POST /q HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n{", len(body))
	_ = left.(*net.TCPConn).CloseWrite()
	_ = left.SetDeadline(time.Now().Add(10 * time.Second))
	answer, _ := io.ReadAll(left)
	_ = left.Close()
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
		t.Errorf("answered %q", answer)
	}
	if got := old.take(); got != nil {
		t.Errorf("the backend was sent %q", got)
	}
}

// A backend that minds no case takes another member than one that does.
func TestANameInAnotherCaseIsDoubtful(t *testing.T) {
	steps, err := compare.ParseSteps("$.path")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]finding{
		`{"path": "a"}`:              hit,
		`{"PATH": "a"}`:              doubtful,
		`{"path": "a", "Path": "b"}`: doubtful,
		`{"Path": "b", "path": "a"}`: doubtful,
		`{"path": "a", "path": "a"}`: doubtful,
		`{"paths": "a"}`:             miss,
	} {
		if _, got := lookUp([]byte(text), steps); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}
