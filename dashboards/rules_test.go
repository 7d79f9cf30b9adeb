package dashboards_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"paritygate/dashboards"
)

type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string  `yaml:"name"`
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.UnmarshalWithOptions(dashboards.Read(dashboards.Rules), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("no alerts")
	}
	return all
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("no promtool found: %v; on Debian: apt-get install prometheus", err)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestRulesAreValid(t *testing.T) {
	promtool(t, "check", "rules", dashboards.Rules)
}

func TestAlertsFireWhenTheyMust(t *testing.T) {
	promtool(t, "test", "rules", "testdata/alerts_test.yml")
}

func TestAlertsAreComplete(t *testing.T) {
	runbook, err := os.ReadFile("../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	unitTests, err := os.ReadFile("testdata/alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range alerts(t) {
		t.Run(a.Alert, func(t *testing.T) {
			if _, unknown := used(a.Expr); len(unknown) > 0 {
				t.Errorf("asks for %v, which the program does not export", unknown)
			}
			switch a.Labels["severity"] {
			case "critical", "warning", "info":
			default:
				t.Errorf("severity %q", a.Labels["severity"])
			}
			for _, name := range []string{"summary", "description"} {
				if a.Annotations[name] == "" {
					t.Errorf("no %s", name)
				}
			}
			// A heading's anchor is the heading in lower case.
			if want := "docs/runbook.md#" + strings.ToLower(a.Alert); a.Annotations["runbook"] != want {
				t.Errorf("runbook %q, want %q", a.Annotations["runbook"], want)
			}
			if !strings.Contains(string(runbook), "\n### "+a.Alert+"\n") {
				t.Errorf("docs/runbook.md has no section %q", "### "+a.Alert)
			}
			tests := string(unitTests)
			if n := strings.Count(tests, "alertname: "+a.Alert+"\n"); n == 0 {
				t.Error("no unit test in which it fires")
			}
			if !strings.Contains(tests, "{alertname: "+a.Alert+", ") {
				t.Error("no unit test in which it stays silent")
			}
		})
	}
}

func TestRunbookKnowsNoOtherAlerts(t *testing.T) {
	runbook, err := os.ReadFile(filepath.FromSlash("../docs/runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, a := range alerts(t) {
		known[a.Alert] = true
	}
	for line := range strings.Lines(string(runbook)) {
		heading, ok := strings.CutPrefix(strings.TrimSpace(line), "### Paritygate")
		if ok && !known["Paritygate"+heading] {
			t.Errorf("docs/runbook.md has a section for Paritygate%s, which is no alert", heading)
		}
	}
}
