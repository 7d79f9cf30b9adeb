package config

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestFields reads the file with every key and wants each value in its field.
func TestFields(t *testing.T) {
	c, err := Load("testdata/good/full.yaml", lookup)
	if err != nil {
		t.Fatal(err)
	}
	address := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	share, half := 0.25, 0.005
	for name, test := range map[string]struct{ got, want any }{
		"run":    {c.Run, Run{"supabase-to-planetscale", 36 * time.Hour, 240 * time.Hour}},
		"limits": {c.Listen.Limits, Limits{32 * kib, 5 * time.Second, time.Minute, 100 * mib, 20 * time.Second, 30 * time.Second, 5000}},
		"tls":    {c.Listen.TLS, &ListenTLS{"tls.crt", "tls.key"}},
		"users":  {c.Admin.Users, []User{{"alice", Operator, "alice-secret-token"}, {"grafana", Viewer, "a-literal-token"}}},
		"old": {c.Backends.Old, Backend{
			address("https://old.example.com/rest/v1"), 20 * time.Second, HostClient, ClientStandard,
			HeaderEdit{map[string]Secret{"Apikey": "header-secret", "X-Version": "2"}, []string{"Cf-Connecting-Ip"}},
			BackendTLS{"ca.pem", "old.internal"},
		}},
		"databases": {c.Databases, &Databases{
			Database{Secret(environment["OLD_DSN"]), 3, time.Minute, DatabaseLag{"SELECT 0", 3 * time.Second}},
			Database{Secret(environment["NEW_DSN"]), 4, 2 * time.Minute, DatabaseLag{Max: 5 * time.Second}},
		}},
		"route": {c.Routes[0], Route{
			Name: "product", Kind: Read, Mirror: &share, Optional: true, Tolerance: &half,
			Match: Match{
				[]string{"GET"},
				"/api/products/{id}", "api.example.com",
				map[string]string{"Accept": "application/json", "X-Key": "query-secret"},
				&MatchJSON{"$.path", "^messages:"},
			},
			New:     RouteNew{"/v2/artifacts/{id}", map[string]string{"include": "all", "limit": "10", "key": "query-secret"}},
			Compare: RouteCompare{[]string{}, []Rule{{Path: "$.price", Number: &NumberRule{"0.005", "0"}}}},
		}},
		"no headers of its own": {c.Routes[1].Compare.Headers == nil, true},
		"mirror": {c.Mirror, Mirror{
			0.25, "header:X-User-Id", 7 * time.Second, 8, 2048, 128 * mib, 12.5,
			Recheck{2, 500 * time.Millisecond, 2 * time.Second, 0},
			Noise{0.05, true},
		}},
		"compare": {c.Compare, Compare{0.02, []string{"etag"}, 2 * mib, []Rule{
			{Path: "$..requestId", Ignore: IgnoreAll},
			{Path: "$..etag", Ignore: IgnoreValue},
			{Path: "$..total", Number: &NumberRule{"0.001", "0.01"}},
			{Path: "$..updated_at", Time: &TimeRule{2 * time.Second}},
			{Path: "$.tags", Unordered: UnorderedAll},
			{Path: "$.labels", Unordered: UnorderedSet},
			{Path: "$.items", Key: "$.id"},
			{Path: "$..id", Coerce: CoerceNumber},
			{Path: "$..deleted_at", AbsentEqualsNull: true},
			{Path: "$..name", Rename: "label"},
			{Path: "$.a.b", Rename: "$.c"},
			{Path: "$", CSV: &CSVRule{Header: true}},
			{Header: "etag", Ignore: IgnoreAll},
		}}},
		"checks": {c.Checks, []Check{
			{
				Name: "datasets", Type: Count,
				Old:       CheckSide{Table: "mart_performance_metrics"},
				New:       CheckSide{Table: `public."Performance"`},
				Tolerance: CheckTolerance{Relative: "0.001", Absolute: "2"},
				Every:     10 * time.Minute, MaxAge: time.Hour,
			},
			{
				Name: "tags", Type: Scalar,
				Old:       CheckSide{SQL: "SELECT count(*)\nFROM tags WHERE note <> '${literal}'\n"},
				New:       CheckSide{SQL: "SELECT count(*) FROM tag_content_entity"},
				Tolerance: CheckTolerance{Relative: "0.01", Absolute: "0"},
				Every:     5 * time.Minute, MaxAge: 15 * time.Minute, StrictAtCutover: true,
			},
		}},
		"gate": {c.Gate, Gate{
			0.99, 2000, 500, 0.1, 0.01, 10 * time.Minute, 0.005,
			GateLatency{0.95, 2, 20 * time.Millisecond},
			[]string{"backup-1", "backup-2"},
		}},
		"canary": {c.Canary, Canary{0.05, "cookie:sid", time.Minute}},
		"rollback": {c.Rollback, Rollback{
			ErrorRate{0.1, 5 * time.Second, 30, 15, 5},
			ClientErrors{2, 0.2, time.Minute},
			LatencyTrigger{0.95, 4, 100 * time.Millisecond, 20 * time.Second},
			ParityTrigger{0.03, 2 * time.Minute, 50},
			ChecksTrigger{5},
			WritesManual, FallbackOff, 2 * time.Second,
		}},
		"cutover": {c.Cutover, Cutover{
			Hold{20 * time.Second, 500, 8 * mib},
			3 * time.Second,
			[]Prepare{{OnNew, []string{"SELECT setval('orders_id_seq', 9)"}, []string{"SELECT 1"}}},
			&Fence{
				Secret(environment["OLD_DSN"]),
				[]string{"ALTER ROLE app SET default_transaction_read_only = on"},
				FenceVerify{Secret(environment["NEW_DSN"]), "INSERT INTO fence_probe VALUES (1)"},
				[]string{"ALTER ROLE app RESET default_transaction_read_only"},
				true,
			},
		}},
		"journal": {c.Journal, Journal{
			"/var/lib/paritygate/journal", 16 * mib, SyncInterval, 256 * kib, Secret(environment["KEY"] + " and sixteen more"), MirrorFollow,
			JournalReplay{map[string]Secret{"Authorization": Secret("Bearer " + environment["KEY"])}},
		}},
		"redact": {c.Redact, Redact{[]string{"X-Session"}, []string{"$..password"}}},
		"store":  {c.Store, Store{"/var/lib/paritygate/orders.db"}},
		"log":    {c.Log, Log{"debug", "console", AccessLog{0.05}}},
	} {
		if !reflect.DeepEqual(test.got, test.want) {
			t.Errorf("%s (-want +got):\n%s", name, cmp.Diff(test.want, test.got, cmpopts.EquateComparable()))
		}
	}
	if got := fmt.Sprint(c.Listen.TrustedProxies); got != "[10.0.0.0/8 192.0.2.7/32 2001:db8::/32]" {
		t.Errorf("trusted proxies are %s", got)
	}
}

func TestSecretNeverPrints(t *testing.T) {
	s := struct{ Token Secret }{"alice-secret-token"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%08b", "%U"} {
		leaks(t, format, fmt.Sprintf(format, s))
		leaks(t, format, fmt.Sprintf(format, s.Token))
		leaks(t, format, fmt.Sprintf(format, map[string]Secret{"a": s.Token}))
	}
	inJSON, err := json.Marshal(s)
	if err != nil || string(inJSON) != `{"Token":"[redacted]"}` {
		t.Errorf("JSON is %s, %v", inJSON, err)
	}
	inYAML, err := yaml.Marshal(s)
	if err != nil || !strings.Contains(string(inYAML), "[redacted]") {
		t.Errorf("YAML is %s, %v", inYAML, err)
	}
	leaks(t, "YAML", string(inYAML))
	if s.Token.String() != "[redacted]" || s.Token.GoString() != `"[redacted]"` || s.Token.Reveal() != "alice-secret-token" {
		t.Errorf("String, GoString and Reveal give %s, %s and %s", s.Token.String(), s.Token.GoString(), s.Token.Reveal())
	}
	if Secret("").String() != "" {
		t.Error("an empty secret looks as if it were set")
	}
}

func TestMaskDSN(t *testing.T) {
	for in, want := range map[string]string{
		"postgres://app:dsn-secret@db/shop":                                       "postgres://app:xxxxx@db/shop",
		"postgresql://app@db/shop?password=dsn-secret&sslmode=require":            "postgresql://app@db/shop?password=xxxxx&sslmode=require",
		"postgres://db/shop?sslpassword=dsn-secret":                               "postgres://db/shop?sslpassword=xxxxx",
		"host=db password=dsn-secret dbname=shop":                                 "host=db password=xxxxx dbname=shop",
		`host=db password = 'dsn secret\' and more' sslpassword='dsn secret' a=b`: "host=db password = xxxxx sslpassword=xxxxx a=b",
		"host=db dbname=shop":                                                     "host=db dbname=shop",
	} {
		if !validDSN(in) {
			t.Errorf("%s is refused", in)
		}
		if got := maskDSN(in); got != want || !validDSN(got) {
			t.Errorf("maskDSN(%s) = %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{
		"postgres://app:dsn/secret@db/shop", "postgres://app:12?34@db/shop", "postgres://app:12/34@db/shop", "postgres://app:12#34@db/shop",
		"mysql://app:dsn-secret@db/shop", "shop", "host=db password='dsn secret", "=", "postgres://app:%zz@db/shop",
	} {
		if validDSN(in) {
			t.Errorf("%s is taken", in)
		}
	}
}

// TestChecksum changes one thing at a time.
func TestChecksum(t *testing.T) {
	base := minimal + `
admin: {users: [{name: a, role: viewer, token: one}]}
databases: {old: {dsn: "postgres://a:one@old/x"}, new: {dsn: "host=new password=one"}}
checks: [{name: c, type: count, old: {table: a}, new: {table: b}}]
routes: [{name: r, match: {path: /r}, kind: read, new: {query: {a: b}}}]
mirror: {fraction: 10%, key: "", recheck: {attempts: 3}}
compare: {rules: [{path: $.a, ignore: true}]}
gate: {min_samples: 1000}
log: {level: info}
`
	base = strings.Replace(base, "https://old.example.com}", "https://old.example.com, headers: {set: {apikey: one}}}", 1)
	sum := parse(t, base).Checksum()
	if len(sum) != 64 {
		t.Errorf("the checksum is %q", sum)
	}
	for name, test := range map[string]struct {
		from, to string
		same     bool
	}{
		"comment":        {"\nlog:", "\n# a comment\nlog:", true},
		"spelling":       {"fraction: 10%", "fraction: 0.1", true},
		"a default":      {"gate: {min_samples: 1000}", "gate: {min_samples: 1000, max_gap: 5m}", true},
		"token":          {"token: one", "token: two", true},
		"header's value": {"apikey: one", "apikey: two", true},
		"password":       {"a:one@old", "a:two@old", true},
		"password in kv": {"password=one", "password=two", true},
		"fraction":       {"fraction: 10%", "fraction: 20%", true},
		"window":         {"run: {name: orders}", "run: {name: orders, window: 1h}", false},
		"log":            {"level: info", "level: debug", true},
		"listen":         {"\nlog:", "\nlisten: {address: \":1\"}\nlog:", true},
		"url":            {"https://new.example.com", "https://new.example.org", false},
		"header's name":  {"apikey: one", "api-key: one", false},
		"database":       {"@old/x", "@old/y", false},
		"check":          {"table: b", "table: c", false},
		"route":          {"path: /r", "path: /s", false},
		"query":          {"a: b}", "a: c}", false},
		"key":            {`key: ""`, "key: cookie:sid", false},
		"recheck":        {"attempts: 3", "attempts: 4", false},
		"noise's share":  {"recheck: {", "noise: {fraction: 5%}, recheck: {", true},
		"noise masked":   {"recheck: {", "noise: {auto: true}, recheck: {", false},
		"rule":           {"$.a", "$.b", false},
		"gate":           {"min_samples: 1000", "min_samples: 999", false},
	} {
		t.Run(name, func(t *testing.T) {
			edited := strings.Replace(base, test.from, test.to, 1)
			if edited == base {
				t.Fatalf("%q is not in the file", test.from)
			}
			if got := parse(t, edited).Checksum(); (got == sum) != test.same {
				t.Errorf("the same checksum: %v, want %v", got == sum, test.same)
			}
		})
	}
}

func TestRestartNeeded(t *testing.T) {
	base := minimal + "mirror: {fraction: 10%}\nadmin: {users: [{name: a, role: viewer, token: one}]}\n"
	for name, test := range map[string]struct {
		from, to string
		want     []string
	}{
		"nothing":      {"", "", nil},
		"fraction":     {"fraction: 10%", "fraction: 20%", nil},
		"rules":        {"mirror:", "compare: {rules: [{path: $.a, ignore: true}]}\nmirror:", nil},
		"routes":       {"mirror:", "routes: [{name: a, match: {path: /a}, kind: read}]\nmirror:", nil},
		"proxies":      {"mirror:", "listen: {trusted_proxies: [10.0.0.0/8]}\nmirror:", nil},
		"name":         {"orders", "others", []string{"run.name"}},
		"window":       {"orders}", "orders, window: 1h}", []string{"run.window"}},
		"workers":      {"fraction: 10%", "workers: 5, queue: 5", []string{"mirror.workers", "mirror.queue"}},
		"url":          {"old.example.com", "old.example.org", []string{"backends.old.url"}},
		"header":       {"new.example.com}", "new.example.com, headers: {set: {A: b}}}", []string{"backends.new.headers.set.A"}},
		"token":        {"token: one", "token: two", []string{"admin.users[0].token"}},
		"users":        {"{name: a, role: viewer, token: one}", "", []string{"admin.users"}},
		"databases":    {"mirror:", "databases: {old: {dsn: a=b}, new: {dsn: a=c}}\nmirror:", []string{"databases"}},
		"tls":          {"mirror:", "listen: {tls: {certificate: a, key: b}}\nmirror:", []string{"listen.tls"}},
		"store":        {"mirror:", "store: {path: x}\nmirror:", []string{"store.path"}},
		"in its order": {"mirror:", "log: {level: debug}\nlisten: {address: ':1'}\nmirror:", []string{"listen.address", "log.level"}},
	} {
		t.Run(name, func(t *testing.T) {
			edited := strings.Replace(base, test.from, test.to, 1)
			got := RestartNeeded(parse(t, base), parse(t, edited))
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRestartNeededSeesSecrets wants a rotated password noticed, although nothing shows it.
func TestRestartNeededSeesSecrets(t *testing.T) {
	text := minimal + "databases: {old: {dsn: 'host=a password=one'}, new: {dsn: 'host=b'}}\n"
	got := RestartNeeded(parse(t, text), parse(t, strings.Replace(text, "one", "two", 1)))
	if diff := cmp.Diff([]string{"databases.old.dsn"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestListedPathsExist holds the lists of paths against the schema.
func TestListedPathsExist(t *testing.T) {
	c, err := Load("testdata/good/full.yaml", lookup)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(append([]string{}, restartPaths...), evidencePaths...) {
		if _, ok := c.encode(false).pick("", []string{path}); !ok {
			t.Errorf("there is no field %s", path)
		}
	}
}

func TestProblemIsPlaced(t *testing.T) {
	c := parse(t, minimal+`compare:
  rules:
    - {path: $.a, ignore: true}
    - path: $[
      ignore: true
`)
	for path, want := range map[string]string{
		"compare.rules[1].path":   "paritygate.yaml:8:13: compare.rules[1].path: has no end",
		"compare.rules[1].number": "paritygate.yaml:8:7: compare.rules[1].number: has no end",
		"compare.rules[5]":        "paritygate.yaml:7:5: compare.rules[5]: has no end",
		"gate.latency.ratio":      "paritygate.yaml:1:1: gate.latency.ratio: has no end",
	} {
		if got := c.Problem(path, "has no %s", "end").String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(minimal + "mirror: {fraction: \"${SHARE}\"}\nroutes: [{name: a, match: {path: /a}, kind: read}]\n"))
	f.Add([]byte("a: &a [*a, <<: {b: 1}]\n? x\n: |\n  y\n"))
	f.Add([]byte("%YAML 1.2\n---\nrun: !!str 'x'\n...\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("fuzz.yaml", data, func(name string) (string, bool) { return "25%", name == "SHARE" })
		if err != nil {
			if c != nil || err.Error() == "" {
				t.Fatalf("Parse = %v, %q", c, err)
			}
			return
		}
		if len(c.Admin.Users) == 0 { // else the tokens would have to be put back
			roundTrip(t, c)
		}
	})
}

// FuzzQuote wants every string back that was printed.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a", "${X}", "$${X}", "no", "1", "a: b # c", " x ", "\t\n\r\u2028\u00a0\ufeff", `"\'`, "ü😀", "- a", "\x01\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return
		}
		text := minimal + "routes: [{name: a, match: {path: /a}, kind: read, new: {query: {q: " + quote(escape(s)) + "}}}]\n"
		c, err := Parse("fuzz.yaml", []byte(text), nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if got := c.Routes[0].New.Query["q"]; got != s {
			t.Errorf("%q came back as %q from\n%s", s, got, text)
		}
	})
}

// TestExactChecks holds that a check of rows allows nothing that the file does not allow: 1 % would hide a wrong price.
func TestExactChecks(t *testing.T) {
	const file = `run: {name: r}
backends: {old: {url: "http://a"}, new: {url: "http://b"}}
databases: {old: {dsn: "postgres://a"}, new: {dsn: "postgres://b"}}
checks:
  - {name: a, type: scalar, old: {sql: SELECT 1}, new: {sql: SELECT 1}}
  - {name: b, type: rows, old: {sql: SELECT 1}, new: {sql: SELECT 1}}
  - {name: c, type: rows, old: {sql: SELECT 1}, new: {sql: SELECT 1}, tolerance: {absolute: 2}}
  - {name: d, type: rows, old: {sql: SELECT 1}, new: {sql: SELECT 1}, tolerance: {relative: 2%}}
`
	c, err := Parse("test.yaml", []byte(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []CheckTolerance{
		{Relative: "0.01", Absolute: "0"}, {Relative: "0", Absolute: "0"}, {Relative: "0", Absolute: "2"}, {Relative: "0.02", Absolute: "0"},
	} {
		if got := c.Checks[i].Tolerance; got != want {
			t.Errorf("%s: %+v, want %+v", c.Checks[i].Name, got, want)
		}
	}
	roundTrip(t, c)
}
