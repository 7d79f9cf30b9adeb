package dashboards_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

type metric struct {
	kind   string // counter, gauge or histogram
	labels []string
}

// metrics are those that the program exports, without the prefix: the contract between it and what is in this package.
var metrics = map[string]metric{
	"requests_total":               {"counter", []string{"route", "kind", "backend", "role", "code"}},
	"request_duration_seconds":     {"histogram", []string{"route", "backend", "role"}},
	"overhead_seconds":             {"histogram", nil},
	"comparisons_total":            {"counter", []string{"route", "verdict"}},
	"differences_total":            {"counter", []string{"route", "location", "kind"}},
	"shadow_skipped_total":         {"counter", []string{"route", "reason"}},
	"shadow_in_flight":             {"gauge", nil},
	"shadow_queue_length":          {"gauge", nil},
	"shadow_memory_bytes":          {"gauge", nil},
	"parity_mismatch_ratio":        {"gauge", []string{"route"}},
	"parity_upper_bound":           {"gauge", []string{"route"}},
	"check_variance_ratio":         {"gauge", []string{"check"}},
	"check_verdict":                {"gauge", []string{"check"}},
	"check_duration_seconds":       {"gauge", []string{"check"}},
	"check_timestamp_seconds":      {"gauge", []string{"check"}},
	"check_max_age_seconds":        {"gauge", []string{"check"}},
	"gate_verdict":                 {"gauge", []string{"criterion"}},
	"phase":                        {"gauge", []string{"phase"}},
	"epoch":                        {"gauge", nil},
	"mirror_fraction":              {"gauge", nil},
	"canary_fraction":              {"gauge", nil},
	"fallbacks_total":              {"counter", []string{"route"}},
	"writes_dropped_total":         {"counter", []string{"reason"}},
	"writes_refused":               {"gauge", nil},
	"fence_standing":               {"gauge", nil},
	"forced":                       {"gauge", nil},
	"unwell":                       {"gauge", []string{"part"}},
	"trigger_firing":               {"gauge", []string{"trigger"}},
	"trigger_missing_data":         {"gauge", []string{"trigger"}},
	"cutovers_total":               {"counter", []string{"outcome"}},
	"rollback_unreplayed_writes":   {"gauge", nil},
	"journal_records_total":        {"counter", nil},
	"journal_bytes_total":          {"counter", nil},
	"journal_sync_seconds":         {"histogram", nil},
	"journal_refused_writes_total": {"counter", nil},
	"journal_missed_writes_total":  {"counter", nil},
	"journal_segments":             {"gauge", nil},
	"journal_unavailable":          {"gauge", nil},
	"journal_unknown_writes":       {"gauge", nil},
	"journal_free_bytes":           {"gauge", nil},
	"journal_mirror_lag_records":   {"gauge", nil},
	"journal_mirror_lag_seconds":   {"gauge", nil},
	"journal_mirrored_total":       {"counter", []string{"to"}},
	"breaker_state":                {"gauge", []string{"backend", "role"}},
	"rollbacks_total":              {"counter", []string{"trigger"}},
	"rollback_duration_seconds":    {"histogram", []string{"trigger"}},
	"held_writes":                  {"gauge", nil},
	"write_hold_seconds":           {"histogram", nil},
	"client_connections":           {"gauge", []string{"state"}},
	"client_connections_limit":     {"gauge", nil},
	"client_rejected_total":        {"counter", []string{"reason"}},
	"client_accept_waits_total":    {"counter", nil},
	"store_errors_total":           {"counter", nil},
	"config_reload_success":        {"gauge", nil},
	"build_info":                   {"gauge", []string{"version", "commit", "go_version"}},
}

var metricName = regexp.MustCompile(`paritygate_([a-z0-9_]+)`)

// used returns the names of metrics in an expression that the program exports, and those that it does not.
func used(expr string) (known, unknown []string) {
	for _, found := range metricName.FindAllStringSubmatch(expr, -1) {
		name, isHistogram := found[1], false
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base, ok := strings.CutSuffix(name, suffix); ok && metrics[base].kind == "histogram" {
				name, isHistogram = base, true
			}
		}
		if m, ok := metrics[name]; ok && (m.kind == "histogram") == isHistogram {
			known = append(known, name)
		} else {
			unknown = append(unknown, found[1])
		}
	}
	return known, unknown
}

// values are what the labels hold in the exposition of a program under traffic.
var values = map[string][]string{
	"route": {"_all", "product"}, "kind": {"read"}, "backend": {"old", "new"}, "role": {"authority", "shadow"},
	"code": {"2xx", "5xx", "error"}, "verdict": {"match", "mismatch", "failed", "skipped"}, "location": {"body"},
	"reason": {"queue_full", "conditional"}, "check": {"datasets"}, "state": {"active", "idle"}, "criterion": {"_all", "responses"},
	"phase": {"shadow", "live"}, "trigger": {"operator", "error_rate"}, "part": {"cutover", "store"}, "to": {"old", "new"}, "outcome": {"committed", "abandoned"}, "version": {"v1"}, "commit": {"c"}, "go_version": {"go"},
}

// exposition is every metric with all of its labels, in Prometheus's text format; counters grow with the time.
func exposition(running time.Duration) string {
	count := 1 + running.Milliseconds()/10
	var b strings.Builder
	for name, m := range metrics {
		fmt.Fprintf(&b, "# TYPE paritygate_%s %s\n", name, m.kind)
		for _, labels := range combinations(m.labels) {
			switch m.kind {
			case "counter":
				fmt.Fprintf(&b, "paritygate_%s{%s} %d\n", name, labels, count)
			case "gauge":
				fmt.Fprintf(&b, "paritygate_%s{%s} 1\n", name, labels)
			case "histogram":
				separated := labels
				if labels != "" {
					separated += ","
				}
				fmt.Fprintf(&b, "paritygate_%s_bucket{%sle=\"0.1\"} %d\n", name, separated, count/2)
				fmt.Fprintf(&b, "paritygate_%s_bucket{%sle=\"+Inf\"} %d\n", name, separated, count)
				fmt.Fprintf(&b, "paritygate_%s_sum{%s} %d\n", name, labels, count)
				fmt.Fprintf(&b, "paritygate_%s_count{%s} %d\n", name, labels, count)
			}
		}
	}
	return b.String()
}

// combinations returns every combination of the labels' values, as `a="x",b="y"`.
func combinations(labels []string) []string {
	all := []string{""}
	for _, label := range labels {
		var next []string
		for _, before := range all {
			for _, value := range values[label] {
				next = append(next, strings.TrimPrefix(fmt.Sprintf("%s,%s=%q", before, label, value), ","))
			}
		}
		all = next
	}
	slices.Sort(all)
	return all
}
