package admin_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

func TestDetailOf(t *testing.T) {
	gate := `{"verdict":"fail","criteria":[{"name":"window","verdict":"fail"}],"at":"2026-11-21T06:00:00Z"}`
	report := func(d admin.EventDetail) bool {
		return d.Gate != nil && d.Gate.Verdict == cutover.Fail && len(d.Gate.Criteria) == 1
	}
	for name, c := range map[string]struct {
		evidence string
		gate     bool
		steps    int
		diff     string
		facts    []admin.Fact
	}{
		"nothing":            {`null`, false, 0, "", nil},
		"an empty one":       {`{}`, false, 0, "", nil},
		"not even JSON":      {``, false, 0, "", nil},
		"the gate alone":     {gate, true, 0, "", nil},
		"a flip":             {`{"gate":` + gate + `,"steps":[{"name":"drain","seconds":1},{"name":"commit"}]}`, true, 2, "", nil},
		"drift":              {`{"diff":"-a\n+b\n"}`, false, 0, "-a\n+b\n", nil},
		"a trigger":          {`{"trigger":{"observed":0.41,"name":"error_rate","why":null,"at":[1,"x"]},"gate":null}`, false, 0, "", []admin.Fact{{"trigger.at[0]", "1"}, {"trigger.at[1]", "x"}, {"trigger.name", "error_rate"}, {"trigger.observed", "0.41"}}},
		"a text":             {`"only words"`, false, 0, "", []admin.Fact{{"", "only words"}}},
		"names, other types": {`{"diff":7,"gate":"open","steps":{"a":true}}`, false, 0, "", []admin.Fact{{"diff", "7"}, {"gate", "open"}, {"steps.a", "true"}}},
	} {
		d := admin.DetailOf(evidence.Event{Seq: 3, Evidence: json.RawMessage(c.evidence)})
		if d.Seq != 3 || report(d) != c.gate || len(d.Steps) != c.steps || d.Diff != c.diff {
			t.Errorf("%s: %+v", name, d)
		}
		if diff := cmp.Diff(c.facts, d.Facts); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
