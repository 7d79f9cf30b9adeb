package dashboards

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Query is one expression of the dashboard.
type Query struct {
	// Panel is the title of the panel that asks it.
	Panel string
	// Expr is PromQL with Grafana's variables in it.
	Expr string
}

// Queries returns every expression of the dashboard, in the order of its panels.
func Queries() ([]Query, error) {
	d, err := parse(Read(Parity))
	if err != nil {
		return nil, err
	}
	var queries []Query
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			queries = append(queries, Query{Panel: p.Title, Expr: t.Expr})
		}
	}
	return queries, nil
}

// Expand returns the expression as Grafana sends it when nothing is selected: the variables stand at their defaults, and
// rates are taken over the window, which should be four scrape intervals or more.
func (q Query) Expand(window time.Duration) string {
	return strings.NewReplacer(
		"$__rate_interval", fmt.Sprintf("%dms", window.Milliseconds()),
		"$job", ".+",
		"$route", ".+",
		"$tolerance", "0.01",
	).Replace(q.Expr)
}

// dashboard is the part of Grafana's model that is needed here.
type dashboard struct {
	UID    string  `json:"uid"`
	Title  string  `json:"title"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID         int    `json:"id"`
	Title      string `json:"title"`
	Type       string `json:"type"`
	Datasource struct {
		UID string `json:"uid"`
	} `json:"datasource"`
	GridPos struct{ X, Y, W, H int } `json:"gridPos"`
	Targets []struct {
		RefID string `json:"refId"`
		Expr  string `json:"expr"`
	} `json:"targets"`
}

func parse(data []byte) (*dashboard, error) {
	var d dashboard
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("dashboard %s: %w", Parity, err)
	}
	return &d, nil
}
