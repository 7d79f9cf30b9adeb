package dashboards_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"paritygate/dashboards"
	"paritygate/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// model is the part of Grafana's that Grafana itself does not forgive mistakes in.
type model struct {
	UID           string `json:"uid"`
	Title         string `json:"title"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []struct{ Name, Type string } `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID         int
		Type       string
		Title      string
		Datasource struct{ Type, UID string }
		GridPos    struct{ X, Y, W, H int }
		Targets    []struct {
			RefID      string `json:"refId"`
			Datasource struct{ UID string }
		}
	}
}

func TestDashboardIsWellFormed(t *testing.T) {
	var d model
	if err := json.Unmarshal(dashboards.Read(dashboards.Parity), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID != "paritygate-parity" || d.Title != "paritygate: Parity" || d.SchemaVersion == 0 {
		t.Errorf("uid %q, title %q, schema %d: links and provisioning rely on them", d.UID, d.Title, d.SchemaVersion)
	}
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
	}
	if variables["datasource"] != "datasource" {
		t.Errorf("no variable for the data source: %v", variables)
	}
	seen := map[int]string{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if other, ok := seen[p.ID]; ok {
			t.Errorf("panels %q and %q have the same id %d", other, p.Title, p.ID)
		}
		seen[p.ID] = p.Title
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok || x >= 24 {
					t.Fatalf("panel %q lies over %q, or over the edge, at %d, %d", p.Title, other, x, y)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %q: data source %q, %d queries", p.Title, p.Datasource.UID, len(p.Targets))
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if refs[target.RefID] || target.Datasource.UID != "${datasource}" {
				t.Errorf("panel %q: query %q is there twice, or asks %q", p.Title, target.RefID, target.Datasource.UID)
			}
			refs[target.RefID] = true
		}
	}
}

func TestQueriesUseTheProgramsMetrics(t *testing.T) {
	queries, err := dashboards.Queries()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, q := range queries {
		known, unknown := used(q.Expr)
		if len(unknown) > 0 {
			t.Errorf("panel %q asks for %v, which the program does not export", q.Panel, unknown)
		}
		for _, name := range known {
			shown[name] = true
		}
		if expanded := q.Expand(time.Minute); strings.Contains(expanded, "$") {
			t.Errorf("panel %q: a variable is left in %s", q.Panel, expanded)
		}
	}
	for name := range metrics {
		if !shown[name] {
			t.Errorf("no panel shows paritygate_%s", name)
		}
	}
}

// TestQueriesFindData asks a real Prometheus, so that a label that a metric does not have, a join that matches nothing or a
// wrong suffix shows.
func TestQueriesFindData(t *testing.T) {
	started := time.Now()
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, exposition(time.Since(started)))
	}))
	t.Cleanup(exporter.Close)
	server := testkit.Prometheus(t, testkit.PrometheusOptions{
		Target: strings.TrimPrefix(exporter.URL, "http://"),
		Rules:  dashboards.Read(dashboards.Rules),
	})
	queries, err := dashboards.Queries()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queries {
		series := server.Await(t, 20*time.Second, q.Expand(2*time.Second))
		for _, s := range series {
			if s.Value != s.Value {
				t.Errorf("panel %q: %s is not a number for %v", q.Panel, q.Expr, s.Labels)
			}
		}
	}
}
