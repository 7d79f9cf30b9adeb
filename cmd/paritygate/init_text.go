package main

import (
	"fmt"
	"maps"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"paritygate/internal/detect"
)

// kindNames are the kinds of backend as people call them.
var kindNames = map[detect.Kind]string{
	detect.HTTP: "an HTTP API", detect.Supabase: "Supabase", detect.PostgREST: "PostgREST", detect.Convex: "Convex",
	detect.Firestore: "Firestore", detect.GraphQL: "GraphQL",
}

// text is the configuration. It depends on the answers alone, so that asking twice gives the same.
func (in *initial) text() string {
	var b strings.Builder
	b.WriteString("# Drafted by `paritygate init`. docs/reference.md has every key; what is not here has a default that works.\n")
	if needs := in.environment(); len(needs) > 0 {
		fmt.Fprintf(&b, "#\n# Needs %s in the environment.\n", strings.Join(needs, ", "))
	}
	fmt.Fprintf(&b, `run:
  name: %s
  window: 48h                            # how long parity must hold, unbroken, before the gate can pass

listen:
  address: ":8080"                       # where clients are to be sent

admin:
  address: "127.0.0.1:9090"              # API, console and metrics; other addresses need admin.users

backends:
`, yamlText(in.name))
	for i := range in.sides {
		in.sides[i].writeBackend(&b)
	}
	in.writeDatabases(&b)
	in.writeRoutes(&b)
	b.WriteString(`
mirror:
  fraction: 10%                          # of the reads, also asked of new; paritygate mirror 25% changes it while it runs

compare:
  tolerance: 1%                          # of the compared reads that may differ or fail
`)
	writeRules(&b, in.sides[0].found.Kind)
	in.writeChecks(&b)
	b.WriteString(`
gate:
  attestations: [backup-1, backup-2]     # paritygate attest backup-1 --evidence "restored on …, row counts equal"

# log: {access: {fraction: 1%}}          # a sample of the requests
`)
	return b.String()
}

func (s *initialSide) writeBackend(b *strings.Builder) {
	fmt.Fprintf(b, "  %s:                                   # %s\n    url: %s\n", s.side, kindNames[s.found.Kind], yamlText(s.url))
	if len(s.headers) > 0 {
		b.WriteString("    headers:\n      set:\n")
	}
	for _, name := range slices.Sorted(maps.Keys(s.headers)) {
		fmt.Fprintf(b, "        %s: \"${%s}\"\n", yamlText(textproto.CanonicalMIMEHeaderKey(name)), s.headers[name])
	}
	if _, set := s.headers[s.found.Key]; s.found.Key != "" && !set {
		fmt.Fprintf(b, "    # headers: {set: {%s: \"${%s_API_KEY}\"}}   # it asks for a key; what clients send passes as it is\n",
			s.found.Key, strings.ToUpper(s.side))
	}
}

func (in *initial) writeDatabases(b *strings.Builder) {
	if in.sides[0].database.env == "" {
		b.WriteString(`
# databases:                             # for the checks: roles that can only read
#   old: {dsn: "${OLD_DATABASE_URL}"}
#   new: {dsn: "${NEW_DATABASE_URL}"}
`)
		return
	}
	b.WriteString("\ndatabases:                               # for the checks: roles that can only read are enough\n")
	for _, s := range in.sides {
		fmt.Fprintf(b, "  %s: {dsn: \"${%s}\"}\n", s.side, s.database.env)
	}
}

func (in *initial) writeChecks(b *strings.Builder) {
	b.WriteString("\n# `paritygate inventory` reads both databases and drafts the checks, ready to paste here.\n")
	b.WriteString(`# checks:
#   - {name: orders, type: count, old: {table: orders}, new: {table: orders}, tolerance: {relative: 1%}}
`)
}

// maxReadingFunctions bounds the routes for single functions.
const maxReadingFunctions = 20

var plainRouteName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,50}$`)

// writeRoutes says what a request is, by what old is: clients speak to old.
func (in *initial) writeRoutes(b *strings.Builder) {
	old, newer := in.sides[0].found, in.sides[1].found
	var routes []string
	route := func(name, match, rest string) {
		routes = append(routes, fmt.Sprintf("  - {name: %s, match: {%s}, %s}", name, match, rest))
	}
	if old.GraphQL != "" {
		routes = append(routes, "  # A mutation goes to the writes' backend whatever stands here.")
		route("graphql", "methods: [GET, POST], path: "+yamlText(old.GraphQL), "kind: read")
	}
	switch old.Kind {
	case detect.Supabase, detect.PostgREST:
		routes = append(routes, postgrestRoutes(old)...)
	case detect.Convex:
		route("query", "methods: [POST], path: /api/query", "kind: read")
		route("query-at", "methods: [POST], path: /api/query_at_ts", "kind: read, optional: true")
		route("mutation", "path: /api/mutation", "kind: write")
		route("action", "path: /api/action", "kind: write")
		route("sync", `path: "/api/{version}/sync"`, "kind: bypass")
	case detect.Firestore:
		for _, verb := range []string{"runQuery", "batchGet", "runAggregationQuery"} {
			optional := ""
			if verb != "runQuery" {
				optional = ", optional: true"
			}
			route(verb, `methods: [POST], path: "/v1/{document...}:`+verb+`"`, "kind: read"+optional)
		}
		route("document", `methods: [GET], path: "/v1/{document...}"`, "kind: read")
		route("listen", `path: "/google.firestore.v1.Firestore/{method}"`, "kind: bypass")
	case detect.HTTP, detect.GraphQL:
	}
	b.WriteString("\n# Which request is what; the first that matches decides. What none matches is a read if it is GET, HEAD or OPTIONS, else a write.\n")
	if old.Kind != newer.Kind {
		fmt.Fprintf(b, "# Clients speak to old (%s), and new (%s) must answer the same requests; where its paths differ, `new: {path: …}` says so.\n",
			kindNames[old.Kind], kindNames[newer.Kind])
	}
	if len(routes) == 0 {
		b.WriteString("# routes:                                # name what matters, so that each route is judged by itself\n" +
			"#   - {name: product, match: {methods: [GET], path: \"/api/products/{id}\"}, kind: read}\n")
		return
	}
	b.WriteString("routes:\n" + strings.Join(routes, "\n") + "\n")
}

func postgrestRoutes(old detect.Backend) []string {
	var routes []string
	named := 0
	for _, f := range old.Reads {
		if plainRouteName.MatchString(f) && named < maxReadingFunctions {
			named++
			routes = append(routes, fmt.Sprintf("  - {name: rpc-%s, match: {methods: [GET, POST], path: %s}, kind: read, optional: true}", f, yamlText(old.Prefix+"/rpc/"+f)))
		}
	}
	if len(old.Reads) > named {
		routes = append(routes, fmt.Sprintf("  # %d more functions only read; by POST they are taken for writes until they have a route as those above", len(old.Reads)-named))
	}
	routes = append(routes,
		fmt.Sprintf("  - {name: rpc-get, match: {methods: [GET, HEAD], path: %q}, kind: read, optional: true}   # PostgREST runs no function that writes by GET", old.Prefix+"/rpc/{function}"),
		fmt.Sprintf("  - {name: rpc, match: {path: %q}, kind: write}   # any other may write", old.Prefix+"/rpc/{function}"),
		fmt.Sprintf("  - {name: tables, match: {methods: [GET, HEAD], path: %q}, kind: read}", old.Prefix+"/{table}"),
	)
	if old.Kind == detect.Supabase {
		routes = append(routes,
			`  - {name: auth, match: {path: "/auth/v1/{rest...}"}, kind: write}   # stays where it is until the cutover`,
			`  - {name: storage, match: {path: "/storage/v1/{rest...}"}, kind: write}`,
			`  - {name: realtime, match: {path: "/realtime/v1/{rest...}"}, kind: bypass}   # WebSockets`,
		)
	}
	return routes
}

// writeRules forgives what two systems never have in common.
func writeRules(b *strings.Builder, old detect.Kind) {
	switch old {
	case detect.Supabase, detect.PostgREST:
		b.WriteString("  headers: [content-type, content-range] # content-range has PostgREST's counts\n")
	case detect.Convex:
		b.WriteString(`  rules:
    - {path: "$.logLines", ignore: true}
    - {path: "$..['_id']", ignore: value}                     # other ids, but there must be one
    - {path: "$..['_creationTime']", number: {absolute: 1}}   # milliseconds, with a fraction in Convex alone
`)
	case detect.Firestore:
		b.WriteString(`  rules:
    - {path: "$..readTime", ignore: value}
    - {path: "$..createTime", time: {skew: 1ms}}              # nanoseconds on one side, microseconds on the other
    - {path: "$..updateTime", time: {skew: 1ms}}
`)
	case detect.HTTP, detect.GraphQL:
		b.WriteString("  # rules: [{path: \"$..updated_at\", time: {skew: 2s}}]   # `paritygate mismatches` proposes them, ready to paste\n")
	}
}

var plainYAML = regexp.MustCompile(`^[a-zA-Z/][a-zA-Z0-9_/-]*$`)

// yamlText writes a text as a scalar that stands for itself, variables of the environment included.
func yamlText(s string) string {
	if plainYAML.MatchString(s) && len(s) > 5 { // no short word such as yes, null or on
		return s
	}
	return strconv.Quote(strings.ReplaceAll(s, "${", "$${"))
}
