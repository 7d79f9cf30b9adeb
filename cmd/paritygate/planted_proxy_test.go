package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paritygate/internal/evidence"
)

// throughTheProxy asks the same checks of a proxy that runs, where results have a history that outlives the process, and metrics.
func (p *planted) throughTheProxy(t *testing.T, dsn, failing string) {
	text, err := os.ReadFile(filepath.Join("testdata", "planted", "paritygate.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	r := startProcess(t, string(text), "${OLD_DSN}", p.old, "${NEW_DSN}", dsn)
	checks := func() []evidence.CheckResult {
		list, err := r.client.Checks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	ran := func(times int) func() bool {
		return func() bool {
			for _, c := range checks() {
				if c.At == nil || len(c.History) < times {
					return false
				}
			}
			return true
		}
	}
	r.eventually("every check has run", ran(1))
	for range 2 {
		if again, err := r.client.RunCheck(t.Context(), failing); err != nil || len(again.Differences) == 0 || again.History[len(again.History)-1].At != *again.At {
			t.Fatalf("%+v, %v", again, err)
		}
	}
	for _, when := range []string{"at first", "after kill -9"} {
		c := of(checks(), failing)
		if len(c.History) < 3 || len(c.Differences) == 0 || c.Variance == nil || c.Old == nil || c.New == nil || c.DurationSeconds <= 0 {
			t.Errorf("%s: %+v", when, c)
		}
		for i, run := range c.History {
			if run.Verdict != "fail" || run.Variance == nil || i > 0 && run.At.Before(c.History[i-1].At) {
				t.Errorf("%s: run %d is %+v", when, i, run)
			}
		}
		if when == "at first" {
			r.restart()
			r.eventually("every check has run again", ran(2))
		}
	}
	metrics := r.metrics()
	for _, c := range checks() {
		verdict := map[string]string{"pass": "1", "fail": "0"}[c.Verdict]
		for _, want := range []string{
			fmt.Sprintf("paritygate_check_verdict{check=%q} %s\n", c.Name, verdict), fmt.Sprintf("paritygate_check_variance_ratio{check=%q} ", c.Name),
			fmt.Sprintf("paritygate_check_duration_seconds{check=%q} ", c.Name), fmt.Sprintf("paritygate_check_timestamp_seconds{check=%q} ", c.Name),
		} {
			if !strings.Contains(metrics, want) {
				t.Errorf("the metrics of a check of type %s lack %s", c.Type, want)
			}
		}
	}
	past := strings.Repeat("█", len(of(checks(), failing).History))
	for _, test := range []struct {
		command []string
		want    string
	}{
		{[]string{"checks"}, past + "  "},
		{[]string{"check", failing}, past + "█  "}, // what the proxy remembers, and what was just found
	} {
		code, out, _ := command(t, append(test.command, "--config", r.config)...)
		if !strings.Contains(out, "\n  "+test.want) || !strings.Contains(out, "\n  WHERE ") || strings.Contains(out, "\x1b") {
			t.Errorf("%v ends in %d and prints no %s:\n%s", test.command, code, test.want, out)
		}
	}
}
