package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"paritygate/config"
	"paritygate/internal/detect"
)

// Whatever the two sides are, the draft is a good configuration, with routes for what old is.
func TestInitDraftsWhatCompiles(t *testing.T) {
	functions := make([]string, maxReadingFunctions+5)
	for i := range functions {
		functions[i] = fmt.Sprintf("f%02d", i)
	}
	for _, row := range []struct {
		found  detect.Backend
		routes string // name, kind and path of each
	}{
		{detect.Backend{Kind: detect.HTTP}, ""},
		{detect.Backend{Kind: detect.GraphQL, GraphQL: "/graphql"}, "graphql read /graphql"},
		{detect.Backend{Kind: detect.GraphQL, GraphQL: "/"}, "graphql read /"},
		{
			detect.Backend{Kind: detect.PostgREST, Reads: []string{"stats", "odd name"}},
			"rpc-stats read /rpc/stats; rpc-get read /rpc/{function}; rpc write /rpc/{function}; tables read /{table}",
		},
		{
			detect.Backend{Kind: detect.Supabase, Prefix: "/rest/v1", Key: "apikey", GraphQL: "/graphql/v1"},
			"graphql read /graphql/v1; rpc-get read /rest/v1/rpc/{function}; rpc write /rest/v1/rpc/{function}; tables read /rest/v1/{table}; " +
				"auth write /auth/v1/{rest...}; storage write /storage/v1/{rest...}; realtime bypass /realtime/v1/{rest...}",
		},
		{detect.Backend{Kind: detect.Convex}, "query read /api/query; query-at read /api/query_at_ts; mutation write /api/mutation; action write /api/action; sync bypass /api/{version}/sync"},
		{
			detect.Backend{Kind: detect.Firestore},
			"runQuery read /v1/{document...}:runQuery; batchGet read /v1/{document...}:batchGet; runAggregationQuery read /v1/{document...}:runAggregationQuery; " +
				"document read /v1/{document...}; listen bypass /google.firestore.v1.Firestore/{method}",
		},
		{detect.Backend{Kind: detect.PostgREST, Reads: functions}, "…"},
	} {
		for _, name := range []string{"supabase-to-planetscale", "on", "123"} {
			in := &initial{out: "draft.yaml", name: name, sides: [2]initialSide{
				{side: "old", url: "https://old.example.com/${x}", found: row.found, database: initialDatabase{env: "OLD"}},
				{side: "new", url: "http://[::1]:8081", found: detect.Backend{Kind: detect.HTTP}, headers: map[string]string{"cf-access-client-id": "CF_ID"}, database: initialDatabase{env: "NEW"}},
			}}
			var c *compiled
			read, err := config.Parse(in.out, []byte(in.text()), func(name string) (string, bool) {
				return "postgres://app:very-secret@db.example.com/" + name, name == "OLD" || name == "NEW" || name == "CF_ID"
			}, func(k *config.Config) config.Problems {
				made, err := compile(k)
				c = made
				problems, _ := errors.AsType[config.Problems](err)
				return problems
			})
			if err != nil {
				t.Fatalf("%s: %v\n%s", row.found.Kind, err, in.text())
			}
			if read.Run.Name != name || read.Backends.Old.URL.Path != "/${x}" || read.Backends.New.Headers.Set["Cf-Access-Client-Id"] == "" {
				t.Errorf("%s: the draft says something else than was answered:\n%s", row.found.Kind, in.text())
			}
			var routes []string
			for _, r := range c.config.Routes {
				routes = append(routes, r.Name+" "+r.Kind+" "+r.Match.Path)
			}
			if got := strings.Join(routes, "; "); got != row.routes && row.routes != "…" {
				t.Errorf("%s: the routes are %s", row.found.Kind, got)
			}
			if row.routes == "…" && (len(routes) != maxReadingFunctions+3 || !strings.Contains(in.text(), "# 5 more functions only read")) {
				t.Errorf("%d routes for %d functions", len(routes), len(functions))
			}
		}
	}
}

// An interruption ends a question at once, however long the terminal stays silent.
func TestAnInterruptionEndsAQuestion(t *testing.T) {
	silent, end := io.Pipe()
	defer end.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := &initial{o: &options{sys: system{in: silent, err: io.Discard}}}
	if _, err := in.ask(ctx, "The name of the run", "preset"); exitCode(err) != exitRefused {
		t.Errorf("the error is %v", err)
	}
}
