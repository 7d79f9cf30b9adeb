package admin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

func page(t *testing.T, r *run, path string) string {
	t.Helper()
	return call(t, serve(t, r), http.MethodGet, path, "", "Accept: text/html").Body
}

func TestCommandsInProseAreCode(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"plain", "old fails", ">old fails<"},
		{"a command", "say `resume --discard`, then wait", ">say <code>resume --discard</code>, then wait<"},
		{"two", "`a` or `b`", "><code>a</code> or <code>b</code><"},
		{"one that nothing closes", "5 ` wide", ">5 ` wide<"},
		{"markup", "<b>`<i>`</b>", ">&lt;b&gt;<code>&lt;i&gt;</code>&lt;/b&gt;<"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := shop()
			r.gate.Criteria[0].Reason = row.text
			if got := page(t, r, "/"); !strings.Contains(got, row.want) {
				t.Errorf("no %s in\n%s", row.want, got)
			}
		})
	}
}

// The figures of a check stand in its row; repeating them as a difference without a name would say nothing.
func TestFiguresAreSaidOnce(t *testing.T) {
	old, fresh := "10418", "8514"
	for _, row := range []struct {
		name    string
		dropped int
		found   []evidence.CheckDifference
		noted   bool
	}{
		{"the two figures", 0, []evidence.CheckDifference{{Kind: compare.KindValue, Old: &old, New: &fresh}}, false},
		{"a bucket", 0, []evidence.CheckDifference{{Key: "2026-05", Kind: compare.KindValue, Old: &old, New: &fresh}}, true},
		{"one of many without a name", 1, []evidence.CheckDifference{{Kind: compare.KindValue, Old: &old, New: &fresh}}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := shop()
			r.checks = []evidence.CheckResult{{Name: "orders", Type: "count", Verdict: "fail", Differences: row.found, Dropped: row.dropped}}
			if got := page(t, r, "/checks"); !strings.Contains(got, "orders") || strings.Contains(got, `<span class="kind">value</span>`) != row.noted {
				t.Errorf("the page is\n%s", got)
			}
		})
	}
}

// A rate of 0 % where nothing was compared would read as parity.
func TestNoRateOfNothing(t *testing.T) {
	r := shop()
	r.routes = []admin.Route{{Route: "stats", Kind: "read", Eligible: 7, Verdicts: map[compare.Verdict]int64{compare.Skipped: 7}, UpperBound: 1}}
	if got := page(t, r, "/routes"); !strings.Contains(got, "stats") || strings.Contains(got, "0\u00a0%") {
		t.Errorf("the page shows a rate:\n%s", got)
	}
}

func TestWhatARollbackLeavesBehindIsSaidOnce(t *testing.T) {
	r := shop()
	r.status.Phase = cutover.RolledBack
	r.status.Rollback = admin.Rollback{UnreplayedWrites: 87, Reason: "87 writes are not on old; say `resume --discard`"}
	got := page(t, r, "/")
	if !strings.Contains(got, "87 writes are not on old; say <code>resume --discard</code>.") || strings.Contains(got, "87 writes would") {
		t.Errorf("the page is\n%s", got)
	}
}

// A shadow that gave no answer differs in no value: there is none to show.
func TestNoValuesOfNoAnswer(t *testing.T) {
	r := shop()
	r.samples = r.samples[:1]
	r.samples[0].Differences = []compare.Difference{{Location: compare.InStatus, Kind: "error: connection reset"}}
	if got := page(t, r, "/mismatches"); !strings.Contains(got, "connection reset") || strings.Contains(got, "→") {
		t.Errorf("the page is\n%s", got)
	}
}

// A list in another order differs in every element; a group shows that once.
func TestAGroupShowsEachPlaceOnce(t *testing.T) {
	r := shop()
	r.groups = r.groups[:1]
	r.groups[0].Differences = nil
	for _, name := range []string{"id", "code", "name", "stock", "price", "at", "by"} {
		for i := range 9 {
			path := fmt.Sprintf("$.items[%d].%s", i, name)
			r.groups[0].Differences = append(r.groups[0].Differences, compare.Difference{Location: compare.InBody, Path: path, Kind: "value"})
		}
	}
	got := page(t, r, "/mismatches?route=product")
	if strings.Count(got, "$.items[*].id") != 1 || strings.Contains(got, "$.items[*].by") || !strings.Contains(got, "and 1 more") || strings.Contains(got, "$.items[8]") {
		t.Errorf("the page is\n%s", got)
	}
}
