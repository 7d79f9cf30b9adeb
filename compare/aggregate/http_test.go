package aggregate_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"paritygate/compare/aggregate"
)

// serve is an endpoint that answers with a status and a body.
func serve(t *testing.T, status int, body string) aggregate.Endpoint {
	t.Helper()
	return endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
}

func endpoint(t *testing.T, handler http.Handler) aggregate.Endpoint {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return aggregate.Endpoint{URL: u, Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
}

// web is a check whose old side is an endpoint.
func web(kind aggregate.Type, value, sql string) aggregate.Check {
	return aggregate.Check{
		Name: "a", Type: kind, Old: aggregate.Side{HTTP: &aggregate.HTTP{Path: "/api/stats", Value: value}}, New: aggregate.Side{SQL: sql},
	}
}

func TestEndpointValues(t *testing.T) {
	tests := []struct {
		name, body string
		check      aggregate.Check
		verdict    aggregate.Verdict
		reason     string
	}{
		{"count", `{"tags": 25000}`, web(aggregate.Count, "$.tags", "SELECT 25000"), aggregate.Pass, "Old has 25,000 rows and new has 25,000"},
		{"count off", `{"tags": 25001}`, web(aggregate.Count, "$.tags", "SELECT 25000"), aggregate.Fail, "differ by 1"},
		{"nested", `{"a": [0, {"b c": 7}]}`, web(aggregate.Scalar, "$.a[1]['b c']", "SELECT 7"), aggregate.Pass, "gave 7"},
		{"the whole answer", " 7\n", web(aggregate.Scalar, "$", "SELECT 7"), aggregate.Pass, "gave 7"},
		{"a byte order mark", "\ufeff{\"n\": 7}", web(aggregate.Scalar, "$.n", "SELECT 7"), aggregate.Pass, "gave 7"},
		{"never a float", `{"n": 9007199254740993}`, web(aggregate.Scalar, "$.n", "SELECT 9007199254740992"), aggregate.Fail, "differ by 1"},
		{"decimals", `{"n": 0.30}`, web(aggregate.Scalar, "$.n", "SELECT 0.3"), aggregate.Pass, "no difference"},
		{"an exponent", `{"n": 1.25e3}`, web(aggregate.Scalar, "$.n", "SELECT 1250"), aggregate.Pass, "Old gave 1,250"},
		{"an exponent below 1", `{"n": -12.50E-4}`, web(aggregate.Scalar, "$.n", "SELECT -0.00125"), aggregate.Pass, "Old gave -0.00125"},
		{"0 with an exponent", `{"n": 0e5}`, web(aggregate.Scalar, "$.n", "SELECT 0"), aggregate.Pass, "Old gave 0"},
		{"a bomb", `{"n": 1e999999999}`, web(aggregate.Scalar, "$.n", "SELECT 1"), aggregate.Inconclusive, "a number is too large"},
		{"Firestore's integers", `[{"result": {"count": {"integerValue": "42"}}}]`, web(aggregate.Count, "$[0].result.count.integerValue", "SELECT 42"), aggregate.Pass, "Old has 42 rows"},
		{"a text", `{"n": "x"}`, web(aggregate.Scalar, "$.n", "SELECT 'x'"), aggregate.Pass, "gave \"x\""},
		{"a text for a number", `{"n": "many"}`, web(aggregate.Scalar, "$.n", "SELECT 1"), aggregate.Inconclusive, "one as a number and one not"},
		{"a code for a number", `{"n": "007"}`, web(aggregate.Scalar, "$.n", "SELECT 7"), aggregate.Inconclusive, "one as a number and one not"},
		{"null", `{"n": null}`, web(aggregate.Scalar, "$.n", "SELECT 1"), aggregate.Fail, "Old gave no value (NULL)"},
		{"null on both", `{"n": null}`, web(aggregate.Scalar, "$.n", "SELECT NULL::int"), aggregate.Inconclusive, "Both"},
		{"missing", `{"status": "error", "errorMessage": "s3cret"}`, web(aggregate.Scalar, "$.value", "SELECT 1"), aggregate.Inconclusive, "the endpoint's answer has nothing at $.value."},
		{"an index beyond", `[1]`, web(aggregate.Scalar, "$[1]", "SELECT 1"), aggregate.Inconclusive, "has nothing at $[1]"},
		{"a name twice", `{"n": 1, "n": 2}`, web(aggregate.Scalar, "$.n", "SELECT 1"), aggregate.Inconclusive, "the same name twice"},
		{"not JSON", `<html>s3cret`, web(aggregate.Scalar, "$.n", "SELECT 1"), aggregate.Inconclusive, "is not valid JSON"},
		{"empty", ``, web(aggregate.Scalar, "$.n", "SELECT 1"), aggregate.Inconclusive, "is not valid JSON"},
		{"not UTF-8", "{\"n\": \"\xff\"}", web(aggregate.Scalar, "$.n", "SELECT 'x'"), aggregate.Inconclusive, "is not valid JSON in UTF-8"},
		{"half a pair", `{"n": "\ud800"}`, web(aggregate.Scalar, "$.n", `SELECT U&'\fffd'`), aggregate.Inconclusive, "half a surrogate pair"},
		{"no pair at all", `{"n": "\ufffd"}`, web(aggregate.Scalar, "$.n", `SELECT U&'\fffd'`), aggregate.Pass, "Both"},
		{"an error of the other side", `{"n": 1}`, web(aggregate.Scalar, "$.n", "SELECT 1/0"), aggregate.Inconclusive, "ask new: division by zero"},
		{"ratio", `{"n": [80, 100]}`, web(aggregate.Ratio, "$.n", "SELECT 80, 100"), aggregate.Pass, ""},
		{"a ratio of halves that are off", `{"n": [40, 50]}`, web(aggregate.Ratio, "$.n", "SELECT 80, 100"), aggregate.Fail, ""},
		{"a ratio of three", `{"n": [1, 2, 3]}`, web(aggregate.Ratio, "$.n", "SELECT 1, 2"), aggregate.Inconclusive, "must be an array of two values"},
		{"a ratio of none", `{"n": 1}`, web(aggregate.Ratio, "$.n", "SELECT 1, 2"), aggregate.Inconclusive, "must be an array of"},
		{"distribution", `{"n": [["a", 1], ["b", 2]]}`, web(aggregate.Distribution, "$.n", "VALUES ('b', 2), ('a', 1)"), aggregate.Pass, ""},
		{"a distribution of objects", `{"n": [{"k": "a", "c": 1}, {"c": "2", "k": "b"}]}`, web(aggregate.Distribution, "$.n", "VALUES ('b', 2), ('a', 1)"), aggregate.Pass, ""},
		{"a distribution as an object", `{"n": {"a": 1, "b": 3}}`, web(aggregate.Distribution, "$.n", "VALUES ('b', 2), ('a', 1)"), aggregate.Fail, "b"},
		{"a distribution of nothing", `{"n": []}`, web(aggregate.Distribution, "$.n", "VALUES ('b', 2)"), aggregate.Fail, "b"},
		{"a distribution of texts", `{"n": ["a"]}`, web(aggregate.Distribution, "$.n", "VALUES ('b', 2)"), aggregate.Inconclusive, "an array of arrays or of objects"},
		{"top", `{"n": [["a", 3], ["b", 2.0]]}`, web(aggregate.Top, "$.n", "VALUES ('a', 3), ('b', 2)"), aggregate.Pass, ""},
		{"top, off", `{"n": [{"id": "a", "sum": "4"}, {"id": "b", "sum": "2"}]}`, web(aggregate.Top, "$.n", "VALUES ('a', 3), ('b', 2)"), aggregate.Fail, "a"},
		{"rows", `{"n": [{"id": 1, "name": "x", "paid": true}, {"paid": false, "id": 2}]}`, web(aggregate.Rows, "$.n", "SELECT * FROM (VALUES (2, NULL, false), (1, 'x', true)) t (id, name, paid)"), aggregate.Pass, ""},
		{"rows as arrays", `{"n": [[1, "x"]]}`, web(aggregate.Rows, "$.n", "SELECT 1 AS id, 'x' AS name"), aggregate.Pass, ""},
		{"a cell that is off", `{"n": [[1, "y"]]}`, web(aggregate.Rows, "$.n", "SELECT 1 AS id, 'x' AS name"), aggregate.Fail, "name"},
		{"no rows", `{"n": []}`, web(aggregate.Rows, "$.n", "SELECT 1 AS id, 'x' AS name"), aggregate.Fail, ""},
		{"rows of two lengths", `{"n": [["a", 1], ["b"]]}`, web(aggregate.Distribution, "$.n", "VALUES ('b', 2)"), aggregate.Inconclusive, "not of one form"},
		{"rows of two kinds", `{"n": [["a", 1], {"b": 1}]}`, web(aggregate.Distribution, "$.n", "VALUES ('b', 2)"), aggregate.Inconclusive, "not of one form"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, aggregate.Options{OldEndpoint: serve(t, 200, test.body), Checks: []aggregate.Check{test.check}})
			got := runNow(t, r, "a", aggregate.Mode{})
			if got.Verdict != test.verdict || !strings.Contains(got.Reason, test.reason) || strings.Contains(got.Reason, "s3cret") {
				t.Errorf("%s: %s", got.Verdict, got.Reason)
			}
		})
	}
}

func TestEndpointStatus(t *testing.T) {
	tests := []struct {
		status int
		reason string // empty: a pass
	}{
		{200, ""},
		{203, ""},
		{302, "ask old: the endpoint answered 302 Found, and redirects are not followed."},
		{404, "ask old: the endpoint answered 404 Not Found."},
		{503, "ask old: the endpoint answered 503 Service Unavailable."},
		{599, "ask old: the endpoint answered 599."},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			e := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, `{"n": 1}`)
			}))
			r := start(t, aggregate.Options{OldEndpoint: e, Checks: []aggregate.Check{web(aggregate.Scalar, "$.n", "SELECT 1")}})
			got := runNow(t, r, "a", aggregate.Mode{})
			if (got.Verdict == aggregate.Pass) != (test.reason == "") || !strings.Contains(got.Reason, test.reason) {
				t.Errorf("%s: %s", got.Verdict, got.Reason)
			}
		})
	}
}

func TestEndpointGetsTheBackendsCredentialsAndTheChecks(t *testing.T) {
	var got *http.Request
	var body string
	e := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got, body = r, string(text)
		_, _ = io.WriteString(w, `{"value": 3}`)
	}))
	e.URL.Path = "/base/"
	e.Header = http.Header{"apikey": {"from the backend"}, "X-Both": {"from the backend"}}
	check := web(aggregate.Scalar, "$.value", "SELECT 3")
	check.Old.HTTP = &aggregate.HTTP{
		Path: "/api/query?a=%2F&b", Method: "POST", Header: map[string]string{"x-both": "from the check"},
		Body: `{"path":"stats:tags"}`, Value: "$.value",
	}
	r := start(t, aggregate.Options{OldEndpoint: e, Checks: []aggregate.Check{check}})
	verify(t, runNow(t, r, "a", aggregate.Mode{}), aggregate.Pass, 0, "")
	if got.Method != "POST" || got.RequestURI != "/base/api/query?a=%2F&b" || body != `{"path":"stats:tags"}` {
		t.Errorf("%s %s %s", got.Method, got.RequestURI, body)
	}
	want := http.Header{
		"Apikey": {"from the backend"}, "X-Both": {"from the check"}, "Content-Type": {"application/json"},
		"Accept": {"application/json"}, "User-Agent": {"paritygate"},
	}
	for name, values := range want {
		if !slices.Equal(got.Header[name], values) {
			t.Errorf("%s is %q", name, got.Header[name])
		}
	}
}

func TestBrokenEndpoints(t *testing.T) {
	never := endpoint(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	never.Timeout = 50 * time.Millisecond
	slow := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"n":`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	slow.Timeout = 50 * time.Millisecond
	refused := serve(t, 200, "1")
	refused.URL.Host = "127.0.0.1:1"
	long := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		blanks := strings.Repeat(" ", 1<<20)
		for range 17 {
			_, _ = io.WriteString(w, blanks)
		}
	}))
	broken := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"n": 1}`)
	}))
	odd := endpoint(t, http.NotFoundHandler())
	odd.Header = http.Header{"apikey": {"s3cret-word"}}
	odd.Transport = failing("malformed answer \"s3cret-word\"")
	tests := []struct {
		name string
		at   aggregate.Endpoint
		want string
	}{
		{"no answer", never, "ask old: the endpoint gave no whole answer within 50ms"},
		{"half an answer", slow, "ask old: the endpoint gave no whole answer within 50ms"},
		{"refused", refused, "connection refused"},
		{"too long", long, "more than 16 MiB"},
		{"cut off", broken, "read the answer: unexpected EOF"},
		{"a secret echoed", odd, `ask old: malformed answer "[redacted]"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, aggregate.Options{OldEndpoint: test.at, Checks: []aggregate.Check{web(aggregate.Scalar, "$.n", "SELECT 1")}})
			verify(t, runNow(t, r, "a", aggregate.Mode{}), aggregate.Inconclusive, -1, test.want)
		})
	}
}

// failing is a transport that fails with these words.
type failing string

func (f failing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%s", string(f))
}

func TestEndpointsNeedNoDatabase(t *testing.T) {
	check := web(aggregate.Count, "$.n", "")
	check.New = check.Old
	at := serve(t, 200, `{"n": 5}`)
	r, err := aggregate.New(aggregate.Options{OldEndpoint: at, NewEndpoint: at, Checks: []aggregate.Check{check}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	verify(t, runNow(t, r, "a", aggregate.Mode{}), aggregate.Pass, 0, "")

	half := web(aggregate.Count, "$.n", "SELECT 5")
	o := aggregate.Options{New: aggregate.Database{DSN: newDSN}, OldEndpoint: at, Checks: []aggregate.Check{half}}
	one, err := aggregate.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	verify(t, runNow(t, one, "a", aggregate.Mode{}), aggregate.Pass, 0, "")
	if old, new := one.Probe(t.Context()); old == nil || new != nil {
		t.Errorf("%v, %v", old, new)
	}
	if err := one.SetChecks([]aggregate.Check{scalar("b", "SELECT 1", "SELECT 1")}); err == nil || !strings.Contains(err.Error(), "old database: no dsn") {
		t.Error(err)
	}
	o.OldEndpoint = aggregate.Endpoint{}
	if _, err := aggregate.New(o); err == nil || !strings.Contains(err.Error(), "there is no endpoint of old") {
		t.Error(err)
	}
}

func TestEndpointsAreRefusedAtLoad(t *testing.T) {
	tests := []struct {
		name   string
		change func(c *aggregate.Check)
		want   string
	}{
		{"no path", func(c *aggregate.Check) { c.Old.HTTP.Path = "" }, "old: http.path: must begin with /"},
		{"another host", func(c *aggregate.Check) { c.Old.HTTP.Path = "http://a/b" }, "must begin with /"},
		{"a fragment", func(c *aggregate.Check) { c.Old.HTTP.Path = "/a#b" }, "odd characters escaped"},
		{"a broken escape", func(c *aggregate.Check) { c.Old.HTTP.Path = "/a%zz" }, "odd characters escaped"},
		{"a method that writes", func(c *aggregate.Check) { c.Old.HTTP.Method = "DELETE" }, "must be GET or POST"},
		{"a body of GET", func(c *aggregate.Check) { c.Old.HTTP.Body = "{}" }, "http.body: needs method POST"},
		{"a header", func(c *aggregate.Check) { c.Old.HTTP.Header = map[string]string{"a b": "c"} }, `"a b" cannot be sent`},
		{"several places", func(c *aggregate.Check) { c.Old.HTTP.Value = "$.a[*]" }, "old: value: path \"$.a[*]\": must name one place"},
		{"no value", func(c *aggregate.Check) { c.Old.HTTP.Value = "" }, "old: value: path"},
		{"sql too", func(c *aggregate.Check) { c.Old.SQL = "SELECT 1" }, "old: give http, or a table or sql, not both"},
		{"settled", func(c *aggregate.Check) {
			c.Settled = &aggregate.Settled{Lag: time.Second}
			c.New.SQL = "SELECT {settled}"
		}, "old: http: path or body must have {settled}"},
		{"cost", func(c *aggregate.Check) { c.MaxCost = -1 }, "max_cost: must be a number, 0 or more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := web(aggregate.Scalar, "$.n", "SELECT 1")
			test.change(&c)
			if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestEndpointIsToldWhatIsSettled(t *testing.T) {
	var query, body string
	e := endpoint(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		query, body = r.URL.Query().Get("before"), string(text)
		_, _ = io.WriteString(w, `3`)
	}))
	check := web(aggregate.Scalar, "$", "SELECT 3 WHERE {settled} > '2020-01-01'")
	check.Settled = &aggregate.Settled{Lag: time.Hour}
	check.Old.HTTP = &aggregate.HTTP{Path: "/n?before={settled}", Method: "POST", Body: `{"before":"{settled}"}`, Value: "$"}
	r := start(t, aggregate.Options{OldEndpoint: e, Checks: []aggregate.Check{check}})
	verify(t, runNow(t, r, "a", aggregate.Mode{}), aggregate.Pass, 0, "")
	at, err := time.Parse(time.RFC3339, query)
	if ago := time.Since(at); err != nil || ago < 59*time.Minute || ago > 61*time.Minute || body != `{"before":"`+query+`"}` {
		t.Errorf("%s, %s, %v", query, body, err)
	}
	verify(t, runNow(t, r, "a", aggregate.Mode{Strict: true}), aggregate.Pass, 0, "")
	if !strings.HasPrefix(query, "9999-") {
		t.Errorf("a strict run leaves out what is younger than %s", query)
	}
}
