package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"paritygate/internal/demo"
)

// demoWindow is how long parity must hold in the demo: a 48 hours' window on a stage.
const demoWindow = 16 * time.Second

// demoConfig is a configuration as anybody would write it for these two shops; only the times are those of a demo.
var demoConfig = template.Must(template.New("paritygate.yaml").Parse(`run:
  name: demo
  window: {{.Window}}
  soak: 14d
listen: {address: "127.0.0.1:0"}
admin: {address: "127.0.0.1:0"}
backends:
  old: {url: "{{.Old.URL}}", timeout: 5s}
  new: {url: "{{.New.URL}}", timeout: 5s}
{{- if .Postgres}}
databases:
  old: {dsn: "${DEMO_OLD_DSN}"}
  new: {dsn: "${DEMO_NEW_DSN}"}
{{- end}}

routes:
  - {name: product, match: {methods: [GET], path: "/api/products/{id}"}, kind: read}
  - {name: products, match: {methods: [GET], path: "/api/products"}, kind: read}
  - {name: search, match: {methods: [GET], path: "/api/search"}, kind: read}
  - {name: customer-orders, match: {methods: [GET], path: "/api/customers/{id}/orders"}, kind: read}
  - {name: order, match: {methods: [GET], path: "/api/orders/{id}"}, kind: read}
  - {name: query, match: {methods: [POST], path: "/api/query"}, kind: read}       # a POST that only asks
  - name: stats
    match: {methods: [GET], path: "/api/stats"}
    kind: read
    compare: {rules: [{path: "$.orders", number: {relative: 1%}}]}                # the sync job is a moment behind

mirror:
  fraction: 100%
  timeout: 2s
  recheck: {attempts: 3, delay: 200ms, max_delay: 800ms, max_rps: 40}

compare:
  headers: [content-type, location, etag]
  rules:                                                                        # the honest noise, and nothing else
    - {path: "$.requestId", ignore: value}
    - {path: "$.generated_at", time: {skew: 5s}}
    - {path: "$..updated_at", time: {skew: 1ms}}                                # other spelling, same moment
    - {path: "$..placed_at", time: {skew: 1ms}}
    - {header: etag, ignore: true}
{{if .Postgres}}
checks:
  - name: products
    type: count
    old: {table: products}
    new: {table: artifact}
    tolerance: {relative: 0%}
    every: 2s
    max_age: 10s
  - name: prices
    type: scalar
    old: {sql: "SELECT sum(price) FROM products"}
    new: {sql: "SELECT sum(unit_value) FROM artifact"}
    tolerance: {relative: 0%}
    every: 2s
    max_age: 10s
  - name: orders
    type: count
    old: {table: orders}
    new: {table: sale}
    tolerance: {relative: 1%}
    every: 2s
    max_age: 10s
  - name: stock
    type: scalar
    old: {sql: "SELECT sum(stock) FROM products"}
    new: {sql: "SELECT sum(on_hand) FROM artifact"}
    tolerance: {relative: 1%}
    every: 2s
    max_age: 10s
  - name: top-sellers                                                           # of orders that have had the time to get to new
    type: top
    limit: 100
    old: {sql: "SELECT product_id, sum(quantity * unit_price) FROM order_lines JOIN orders ON id = order_id WHERE placed_at < {settled} GROUP BY 1 ORDER BY 2 DESC, 1"}
    new: {sql: "SELECT artifact_id, sum(units * unit_value) FROM measurement JOIN sale USING (sale_id) WHERE sold_at < {settled} GROUP BY 1 ORDER BY 2 DESC, 1"}
    settled: {lag: 2s}
    tolerance: {relative: 1%}
    every: 4s
    max_age: 20s
  - name: classes
    type: distribution
    old: {table: products, column: category}
    new: {table: artifact, column: classification}
    tolerance: {relative: 0%}
    every: 4s
    max_age: 20s
  - name: coverage                                                              # of the products by orders
    type: ratio
    old: {sql: "SELECT count(DISTINCT product_id), (SELECT count(*) FROM products) FROM order_lines"}
    new: {sql: "SELECT count(DISTINCT artifact_id), (SELECT count(*) FROM artifact) FROM measurement"}
    tolerance: {relative: 1%}
    every: 4s
    max_age: 20s
  - name: numbers                                                               # the next order of new must not take a number of old's
    type: sequences
    tables: [orders]
    rename: {orders: sale, orders.id: sale_id}
    every: 4s
    max_age: 20s
{{end}}
gate:
  min_samples: 1000
  min_samples_per_route: 400
  latency: {quantile: 99%, ratio: 1.5, floor: 100ms}

canary:
  key: "header:X-Client"                                                        # a client stays with one backend
  after_write: 2s                                                               # the sync job is a moment behind

rollback:
  error_rate: {threshold: 5%, window: 10s, min_requests: 20, min_failures: 10, min_distinct: 3}
  latency: {quantile: 99%, ratio: 3, floor: 1s, window: 10s}
  parity: {threshold: 5%, window: 10s, min_requests: 100}
  checks: {failures: 3}
  fallback: always
{{if .Postgres}}
cutover:
  prepare:                                                                      # new's numbers begin beyond all of old's
    - on: new
      sql: ["SELECT setval('sale_sale_id_seq', greatest((SELECT max(sale_id) FROM sale), (SELECT last_value FROM sale_sale_id_seq)) + 1000)"]
  fence:                                                                        # the shop's role may not write to old any more
    dsn: "${DEMO_OLD_OWNER_DSN}"
    sql: ["REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM shop_app"]
    verify: {dsn: "${DEMO_OLD_DSN}", sql: "INSERT INTO fence_probe VALUES (1)"}
    unfence: ["GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO shop_app"]
{{end}}
store: {path: "{{.Store}}"}
journal: {directory: "{{.Store}}.journal"}
`))

// writeDemoConfig writes the configuration into dir and returns its path.
func writeDemoConfig(dir string, shops *demo.Shops) (string, error) {
	var text bytes.Buffer
	err := demoConfig.Execute(&text, map[string]any{
		"Window": demoWindow, "Old": shops.Old, "New": shops.New, "Postgres": shops.Postgres(),
		"Store": filepath.ToSlash(filepath.Join(dir, "paritygate.db")),
	})
	if err != nil {
		return "", fmt.Errorf("write the demo's configuration: %w", err)
	}
	path := filepath.Join(dir, "paritygate.yaml")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return "", fmt.Errorf("write the demo's configuration: %w", err)
	}
	return path, nil
}
