package detect_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paritygate/internal/detect"
)

// openAPI is what PostgREST 12 says of itself, shortened.
const openAPI = `{"swagger":"2.0","info":{"title":"standard public schema","version":"12.2.3"},"host":"0.0.0.0:3000",
	"paths":{"/":{"get":{}},"/products":{"get":{},"post":{},"delete":{},"patch":{}},
	"/rpc/stats":{"get":{},"post":{}},"/rpc/buy":{"post":{}},"/rpc/search":{"get":{},"post":{}}},
	"externalDocs":{"description":"PostgREST Documentation","url":"https://docs.postgrest.org/en/v12/"}}`

// reply answers with a status, a JSON body and, in it, nothing else.
func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// text answers 200 with plain text.
func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func TestAsk(t *testing.T) {
	for _, row := range []struct {
		name   string
		routes map[string]http.HandlerFunc // patterns of http.ServeMux
		path   string                      // of the URL
		want   detect.Backend              // Signs apart
	}{
		{"an API that knows no path", nil, "", detect.Backend{Kind: detect.HTTP}},
		{"an API that answers everything with 200", map[string]http.HandlerFunc{"/": reply(200, `{"status": "ok", "data": {}, "error": null}`)}, "", detect.Backend{Kind: detect.HTTP}},
		{"an API that answers everything with its own errors", map[string]http.HandlerFunc{"/": reply(404, `{"error": {"code": 404, "status": "not found"}, "message": "no"}`)}, "", detect.Backend{Kind: detect.HTTP}},
		{"a page for every path", map[string]http.HandlerFunc{"/": text("<!doctype html><title>GraphQL, Convex, PostgREST</title>")}, "", detect.Backend{Kind: detect.HTTP}},
		{"an API whose errors are text", map[string]http.HandlerFunc{"/": reply(400, `{"errors": "no such thing"}`)}, "", detect.Backend{Kind: detect.HTTP}},
		{
			"Supabase with a key",
			map[string]http.HandlerFunc{"/rest/v1/{$}": reply(200, openAPI)},
			"",
			detect.Backend{Kind: detect.Supabase, Prefix: "/rest/v1", Reads: []string{"search", "stats"}},
		},
		{
			"Supabase without a key",
			map[string]http.HandlerFunc{"/": reply(401, `{"message":"No API key found in request","hint":"No apikey request header"}`)},
			"",
			detect.Backend{Kind: detect.Supabase, Prefix: "/rest/v1", Key: "apikey"},
		},
		{
			"Supabase with GraphQL",
			map[string]http.HandlerFunc{
				"/rest/v1/{$}": reply(200, openAPI), "POST /graphql/v1": reply(200, `{"data":{"__typename":"Query"}}`),
			},
			"",
			detect.Backend{Kind: detect.Supabase, Prefix: "/rest/v1", Reads: []string{"search", "stats"}, GraphQL: "/graphql/v1"},
		},
		{
			"PostgREST",
			map[string]http.HandlerFunc{"/{$}": reply(200, openAPI), "/": reply(404, `{"code":"PGRST125","message":"Invalid path specified in request URL"}`)},
			"",
			detect.Backend{Kind: detect.PostgREST, Reads: []string{"search", "stats"}},
		},
		{
			"PostgREST below a path",
			map[string]http.HandlerFunc{"/db/{$}": reply(200, openAPI)},
			"/db/",
			detect.Backend{Kind: detect.PostgREST, Reads: []string{"search", "stats"}},
		},
		{"Convex by its root", map[string]http.HandlerFunc{"/{$}": text("This Convex deployment is running. See https://docs.convex.dev/.")}, "", detect.Backend{Kind: detect.Convex}},
		{
			"Convex by its functions",
			map[string]http.HandlerFunc{
				"POST /api/query": reply(200, `{"status":"error","errorMessage":"Could not find public function for 'paritygate:probe'","logLines":[]}`),
			},
			"",
			detect.Backend{Kind: detect.Convex},
		},
		{
			"Firestore's emulator",
			map[string]http.HandlerFunc{
				"/": text("Ok"), "/v1/projects/": reply(404, `{"error":{"code":404,"message":"not found","status":"NOT_FOUND"}}`),
			},
			"",
			detect.Backend{Kind: detect.Firestore},
		},
		{
			"Firestore's documents",
			map[string]http.HandlerFunc{"/v1/projects/": reply(200, `{"documents":[{"name":"projects/p/databases/(default)/documents/probe/a"}]}`)},
			"",
			detect.Backend{Kind: detect.Firestore},
		},
		{"GraphQL", map[string]http.HandlerFunc{"POST /graphql": reply(200, `{"data":{"__typename":"Query"}}`)}, "", detect.Backend{Kind: detect.GraphQL, GraphQL: "/graphql"}},
		{"GraphQL that wants a token", map[string]http.HandlerFunc{"POST /api/graphql": reply(401, `{"errors":[{"message":"log in"}]}`)}, "", detect.Backend{Kind: detect.GraphQL, GraphQL: "/api/graphql"}},
		{"the endpoint of GraphQL", map[string]http.HandlerFunc{"POST /v2/graphql": reply(200, `{"data":{"__typename":"Query"}}`)}, "/v2/graphql", detect.Backend{Kind: detect.GraphQL, GraphQL: "/"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			mux := http.NewServeMux()
			for pattern, handler := range row.routes {
				mux.HandleFunc(pattern, handler)
			}
			server := httptest.NewServer(mux)
			defer server.Close()
			base, err := url.Parse(server.URL + row.path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := detect.Ask(t.Context(), base, nil)
			if err != nil {
				t.Fatal(err)
			}
			if (len(got.Signs) > 0) != (got.Kind != detect.HTTP) {
				t.Errorf("a kind has signs, and nothing else has: %s, %q", got.Kind, got.Signs)
			}
			got.Signs = nil
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is sent changes nothing: GET, and POST where a query is asked by it. The header fields go with each request.
func TestAskOnlyReads(t *testing.T) {
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, r.Method+" "+r.URL.Path+" "+string(body))
		if r.Header.Get("Apikey") != "very-secret" {
			t.Errorf("%s %s without the key", r.Method, r.URL.Path)
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	base, _ := url.Parse(server.URL)
	if _, err := detect.Ask(t.Context(), base, http.Header{"Apikey": {"very-secret"}}); err != nil {
		t.Fatal(err)
	}
	for _, request := range seen {
		reads := strings.HasPrefix(request, "GET ") || strings.Contains(request, `{"query": "{__typename}"}`) ||
			strings.HasPrefix(request, "POST /api/query ") && strings.Contains(request, "paritygate:probe")
		if !reads {
			t.Errorf("this may write: %s", request)
		}
	}
	if !slices.ContainsFunc(seen, func(s string) bool { return strings.HasPrefix(s, "POST /graphql ") }) {
		t.Errorf("GraphQL was not asked for: %q", seen)
	}
}

func TestAskFollowsNoRedirect(t *testing.T) {
	convex := httptest.NewServer(text("This Convex deployment is running."))
	defer convex.Close()
	server := httptest.NewServer(http.RedirectHandler(convex.URL, http.StatusFound))
	defer server.Close()
	base, _ := url.Parse(server.URL)
	got, err := detect.Ask(t.Context(), base, nil)
	if err != nil || got.Kind != detect.HTTP {
		t.Errorf("%+v, %v: what another backend is was told of this one", got, err)
	}
}

func TestAskWhereNobodyAnswers(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	base, _ := url.Parse(server.URL)
	if _, err := detect.Ask(t.Context(), base, nil); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("the error is %v", err)
	}
}
