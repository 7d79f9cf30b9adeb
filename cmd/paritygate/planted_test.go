package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"paritygate/compare/aggregate"
	"paritygate/internal/evidence"
	"paritygate/internal/testkit"
)

// planted is a shop in two databases, old and a faithful new one under other names and types, each of whose copies gets one fault.
type planted struct {
	server      *testkit.PostgresServer
	binary, old string
}

// plantedScale is how many times 2,000 orders there are; docs/PERFORMANCE.md names the large one.
const plantedScale = "PARITYGATE_PLANTED_SCALE"

func newPlanted(t *testing.T) *planted {
	t.Helper()
	path, err := binaryPath()
	if err != nil {
		t.Fatal(err)
	}
	p := &planted{server: testkit.Postgres(t), binary: path}
	scale := "1"
	if given := os.Getenv(plantedScale); given != "" {
		if _, err := strconv.ParseUint(given, 10, 16); err != nil {
			t.Fatalf("%s=%s must be a whole number", plantedScale, given)
		}
		scale = given
	}
	fill := func(file string) string {
		text, err := os.ReadFile(filepath.Join("testdata", "planted", file))
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(text), ":scale", scale)
	}
	p.old = p.server.Database(t, "planted_old", fill("old.sql"))
	// Old orders texts by bytes, new as English does.
	p.server.Run(t, "postgres", "CREATE DATABASE planted_new TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
	p.server.Run(t, "planted_new", fill("new.sql"))
	return p
}

// copy makes a copy of the faithful database, changed by a statement.
func (p *planted) copy(t *testing.T, name, change string) (dsn string) {
	t.Helper()
	p.server.Run(t, "postgres", "CREATE DATABASE "+name+" TEMPLATE planted_new")
	t.Cleanup(func() {
		if err := p.server.Exec(context.Background(), "postgres", "DROP DATABASE "+name); err != nil {
			t.Error(err)
		}
	})
	p.server.Run(t, name, change)
	return p.server.DSN(name)
}

func (p *planted) check(t *testing.T, dsn string, flags ...string) (code int, results []evidence.CheckResult) {
	t.Helper()
	code, results, err := p.try(t.Context(), dsn, flags...)
	if err != nil {
		t.Fatal(err)
	}
	return code, results
}

// try runs the program as an operator does.
func (p *planted) try(ctx context.Context, dsn string, flags ...string) (code int, results []evidence.CheckResult, err error) {
	args := append([]string{"check", "--config", filepath.Join("testdata", "planted", "paritygate.yaml"), "--output", "json"}, flags...)
	cmd := exec.CommandContext(ctx, p.binary, args...)
	cmd.Env = append(os.Environ(), "OLD_DSN="+p.old, "NEW_DSN="+dsn)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return 0, nil, err
	}
	var body struct{ Checks []evidence.CheckResult }
	if err := json.Unmarshal(out, &body); err != nil {
		return 0, nil, fmt.Errorf("%w in %s%s", err, out, errs.String())
	}
	return cmd.ProcessState.ExitCode(), body.Checks, nil
}

// checkAll checks every fault, several at a time: what differs is looked at again after a while.
func (p *planted) checkAll(t *testing.T) (codes []int, results [][]evidence.CheckResult) {
	codes, results = make([]int, len(plantedFaults)), make([][]evidence.CheckResult, len(plantedFaults))
	var all errgroup.Group
	all.SetLimit(4)
	for i, f := range plantedFaults {
		dsn := p.copy(t, fmt.Sprintf("fault_%d", i), f.change)
		all.Go(func() (err error) {
			codes[i], results[i], err = p.try(t.Context(), dsn)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	return codes, results
}

// alarms are the checks that do not pass.
func alarms(results []evidence.CheckResult) []string {
	var names []string
	for _, r := range results {
		if r.Verdict != "pass" {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	return names
}

func of(results []evidence.CheckResult, name string) evidence.CheckResult {
	i := slices.IndexFunc(results, func(r evidence.CheckResult) bool { return r.Name == name })
	if i < 0 {
		return evidence.CheckResult{Name: name, Verdict: "missing"}
	}
	return results[i]
}

// named writes differences as `key kind: old → new`.
func named(differences []evidence.CheckDifference) []string {
	text := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	lines := make([]string, len(differences))
	for i, d := range differences {
		kind := string(d.Kind)
		if d.Class != "" {
			kind = d.Class
		}
		lines[i] = fmt.Sprintf("%s %s: %s → %s", d.Key, kind, text(d.Old), text(d.New))
	}
	return lines
}

// Every type of check is asked of a faithful copy, and of copies with one fault each: those that are meant to see the fault see it,
// and name it, and all others pass.
func TestPlantedFaults(t *testing.T) {
	p := newPlanted(t)
	t.Run("no fault", func(t *testing.T) {
		for _, new := range []struct {
			name, change string
			flags        []string
		}{
			{"clean", "SELECT 1", nil},
			{"clean_at_the_cutover", "SELECT 1", []string{"--strict"}},
			// What was updated stands elsewhere in the file.
			{"clean_elsewhere", "UPDATE sale_line SET value = value + 0; UPDATE client SET note = note; UPDATE page_view SET detail = detail || '{}'", nil},
		} {
			began := time.Now()
			code, results := p.check(t, p.copy(t, new.name, new.change), new.flags...)
			for _, r := range results {
				if r.Verdict != "pass" {
					t.Errorf("%s: %s is %s: %s %v", new.name, r.Name, r.Verdict, r.Reason, named(r.Differences))
				}
			}
			if code != exitDone {
				t.Errorf("%s: exit code %d", new.name, code)
			}
			for _, kind := range aggregate.Types {
				if !slices.ContainsFunc(results, func(r evidence.CheckResult) bool { return r.Type == string(kind) }) {
					t.Errorf("no check of type %s was asked", kind)
				}
			}
			t.Logf("%d checks took %s", len(results), time.Since(began).Round(time.Millisecond))
		}
	})
	codes, all := p.checkAll(t)
	for i, f := range plantedFaults {
		t.Run(f.name, func(t *testing.T) {
			results := all[i]
			if codes[i] != exitGate {
				t.Errorf("exit code %d", codes[i])
			}
			want := []string{f.check}
			want = append(want, f.also...)
			slices.Sort(want)
			if got := alarms(results); !slices.Equal(got, want) {
				t.Errorf("alarms %v, want %v", got, want)
			}
			r := of(results, f.check)
			if diff := cmp.Diff(f.found, named(r.Differences)); diff != "" || r.Verdict != "fail" || r.Dropped != 0 {
				t.Errorf("%s is %s, %s: %d dropped\n%s", r.Name, r.Verdict, r.Reason, r.Dropped, diff)
			}
		})
	}
	t.Run("through the proxy", func(t *testing.T) {
		f := plantedFaults[2]
		p.throughTheProxy(t, p.copy(t, "fault_proxy", f.change), f.check)
	})
	t.Run("a database that is not there", func(t *testing.T) {
		if code, results := p.check(t, p.server.DSN("nowhere")); code != exitInconclusive || len(alarms(results)) != len(results) {
			t.Errorf("exit code %d, alarms %v", code, alarms(results))
		}
	})
}
