package main

import (
	"math"
	"strings"
	"testing"

	"paritygate/config"
	"paritygate/proxy"
)

func TestNoLimitOfRechecksIsNoDefault(t *testing.T) {
	for text, want := range map[string]float64{"": 20, "recheck: {max_rps: 5}": 5, "recheck: {max_rps: 0}": math.MaxFloat64} {
		c, err := config.Parse("f", []byte("run: {name: r}\nbackends: {old: {url: http://a}, new: {url: http://b}}\nmirror: {"+text+"}\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := compile(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled.table.Recheck.MaxRPS; got != want {
			t.Errorf("%q: %g rechecks per second, want %g", text, got, want)
		}
	}
}

func TestMatchJSONIsCheckedInItsPlace(t *testing.T) {
	text := `run: {name: r}
backends: {old: {url: http://a}, new: {url: http://b}}
routes:
  - {name: a, match: {methods: [POST], path: /q, json: {path: $.path, pattern: "^messages:"}}, kind: read}
  - {name: b, match: {json: {path: $..path, pattern: "^(a"}}, kind: write}
  - {name: c, match: {json: {path: "$.a[", pattern: "a{2,1}"}}, kind: write}
`
	c, err := config.Parse("f", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = compile(c)
	want := `f:5:36: routes[1].match.json.path: path "$..path": must name one place: * and .. may name several
f:5:54: routes[1].match.json.pattern: pattern "^(a", offset 0: missing closing )
f:6:36: routes[2].match.json.path: path "$.a[", offset 4: the path ends inside [
f:6:53: routes[2].match.json.pattern: pattern "a{2,1}", offset 1: invalid repeat count`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	c, err = config.Parse("f", []byte(text[:strings.Index(text, "  - {name: b")]), nil)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := compile(c)
	if err != nil {
		t.Fatal(err)
	}
	if m := compiled.table.Routes[0].JSON; m == nil || *m != (proxy.JSONMatch{Path: "$.path", Pattern: "^messages:"}) {
		t.Errorf("the route asks for %+v", m)
	}
}
