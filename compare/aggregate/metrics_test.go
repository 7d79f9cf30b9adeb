package aggregate

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m, err := newMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	variance := 0.25
	at := time.UnixMilli(1_700_000_000_500)
	for _, v := range []Verdict{Pass, Fail} {
		m.observe(Result{Name: string(v), Verdict: v, Variance: &variance, At: at, Duration: 1500 * time.Millisecond}, time.Hour)
	}
	m.observe(Result{Name: "down", Verdict: Fail, Variance: &variance, At: at}, time.Hour)
	m.observe(Result{Name: "down", Verdict: Inconclusive, At: at}, time.Hour)
	want := `
# HELP paritygate_check_duration_seconds How long a check's last run took.
# TYPE paritygate_check_duration_seconds gauge
paritygate_check_duration_seconds{check="down"} 0
paritygate_check_duration_seconds{check="fail"} 1.5
paritygate_check_duration_seconds{check="pass"} 1.5
# HELP paritygate_check_max_age_seconds How old a check's pass may be.
# TYPE paritygate_check_max_age_seconds gauge
paritygate_check_max_age_seconds{check="down"} 3600
paritygate_check_max_age_seconds{check="fail"} 3600
paritygate_check_max_age_seconds{check="pass"} 3600
# HELP paritygate_check_timestamp_seconds When a check last ran, in seconds since 1970.
# TYPE paritygate_check_timestamp_seconds gauge
paritygate_check_timestamp_seconds{check="down"} 1.7000000005e+09
paritygate_check_timestamp_seconds{check="fail"} 1.7000000005e+09
paritygate_check_timestamp_seconds{check="pass"} 1.7000000005e+09
# HELP paritygate_check_variance_ratio How far the two databases are apart in a check's last run, as a ratio.
# TYPE paritygate_check_variance_ratio gauge
paritygate_check_variance_ratio{check="fail"} 0.25
paritygate_check_variance_ratio{check="pass"} 0.25
# HELP paritygate_check_verdict Verdict of a check's last run: 1 pass, 0 fail, -1 inconclusive.
# TYPE paritygate_check_verdict gauge
paritygate_check_verdict{check="down"} -1
paritygate_check_verdict{check="fail"} 0
paritygate_check_verdict{check="pass"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if _, err := newMetrics(reg); err == nil {
		t.Error("registered twice")
	}
}
