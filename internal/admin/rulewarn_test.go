package admin_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"paritygate/internal/admin"
)

func TestRuleWarnings(t *testing.T) {
	half := admin.RuleUse{Rule: "{a}", Place: "compare.rules[0]", Exchanges: 50, Share: 0.5}
	most := half
	most.Share = 0.51
	var routes []admin.Route
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		routes = append(routes, admin.Route{Route: name, Rules: []admin.RuleUse{most, {Rule: "{b}", Place: "compare.rules[1]", Exchanges: 1, Share: 0.5}}})
	}
	want := []string{"the rule compare.rules[0] {a} hides a difference in more than half of the compared exchanges on " +
		"a (51 %), b (51 %), c (51 %), d (51 %), e (51 %), 2 more: see that it hides no more than is meant"}
	if diff := cmp.Diff(want, admin.RuleWarnings(routes)); diff != "" {
		t.Error(diff)
	}
	if got := admin.RuleWarnings([]admin.Route{{Route: "a", Rules: []admin.RuleUse{half}}}); len(got) != 0 {
		t.Errorf("half is not more than half: %q", got)
	}
}
