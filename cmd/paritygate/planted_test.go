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
	"sync"
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
	scale       uint64
}

// plantedScale is how many times 2,000 orders there are; docs/PERFORMANCE.md names the large one.
const plantedScale = "PARITYGATE_PLANTED_SCALE"

func newPlanted(t *testing.T) *planted {
	t.Helper()
	path, err := binaryPath()
	if err != nil {
		t.Fatal(err)
	}
	p := &planted{binary: path, scale: 1}
	if given := os.Getenv(plantedScale); given != "" {
		if p.scale, err = strconv.ParseUint(given, 10, 16); err != nil || p.scale == 0 {
			t.Fatalf("%s=%s must be a whole number from 1", plantedScale, given)
		}
	}
	p.server = testkit.Postgres(t)
	fill := func(file string) string {
		text, err := os.ReadFile(filepath.Join("testdata", "planted", file))
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(text), ":scale", fmt.Sprint(p.scale))
	}
	p.old = p.server.Database(t, "planted_old", fill("old.sql"))
	// Old orders texts by bytes, new as English does.
	p.server.Run(t, "postgres", "CREATE DATABASE planted_new TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
	p.server.Run(t, "planted_new", fill("new.sql"))
	return p
}

// with calls a function with a copy of the faithful database, changed by a statement, which does not outlive the call.
func (p *planted) with(ctx context.Context, name, change string, f func(dsn string) error) (err error) {
	if err := p.server.Exec(ctx, "postgres", "CREATE DATABASE "+name+" TEMPLATE planted_new"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.server.Exec(ctx, "postgres", "DROP DATABASE "+name+" WITH (FORCE)")) }()
	if err := p.server.Exec(ctx, name, change); err != nil {
		return fmt.Errorf("%s: %w", change, err)
	}
	return f(p.server.DSN(name))
}

// check runs the program as an operator does.
func (p *planted) check(ctx context.Context, dsn string, flags ...string) (code int, results []evidence.CheckResult, err error) {
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

// outcome is what came of one fault.
type outcome struct {
	code    int
	results []evidence.CheckResult
	err     error
}

// outcomes check each fault when they are first asked. With few rows all of them are asked at once, since most of the time is
// waiting: what differs is looked at again after a while.
func (p *planted) outcomes(t *testing.T) []func() outcome {
	asked := make([]func() outcome, len(plantedFaults))
	for i, f := range plantedFaults {
		asked[i] = sync.OnceValue(func() (o outcome) {
			o.err = p.with(t.Context(), fmt.Sprintf("fault_%d", i), f.change, func(dsn string) (err error) {
				o.code, o.results, err = p.check(t.Context(), dsn)
				return err
			})
			return o
		})
	}
	if p.scale == 1 {
		var all errgroup.Group
		all.SetLimit(4)
		for _, ask := range asked {
			all.Go(func() error { return ask().err })
		}
		_ = all.Wait() // each test looks at its own error
	}
	return asked
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
	testkit.WithoutRaceDetector(t)
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
			var code int
			var results []evidence.CheckResult
			var began time.Time
			err := p.with(t.Context(), new.name, new.change, func(dsn string) (err error) {
				began = time.Now()
				code, results, err = p.check(t.Context(), dsn, new.flags...)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
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
	asked := p.outcomes(t)
	for i, f := range plantedFaults {
		t.Run(f.name, func(t *testing.T) {
			o := asked[i]()
			if o.err != nil || o.code != exitGate {
				t.Fatalf("exit code %d, %v", o.code, o.err)
			}
			want := []string{f.check}
			want = append(want, f.also...)
			slices.Sort(want)
			if got := alarms(o.results); !slices.Equal(got, want) {
				t.Errorf("alarms %v, want %v", got, want)
			}
			r := of(o.results, f.check)
			found := named(r.Differences)
			if p.scale > 1 { // other numbers, but as many
				found, f.found = make([]string, len(found)), make([]string, len(f.found))
			}
			if diff := cmp.Diff(f.found, found); diff != "" || r.Verdict != "fail" || r.Dropped != 0 {
				t.Errorf("%s is %s, %s: %d dropped\n%s", r.Name, r.Verdict, r.Reason, r.Dropped, diff)
			}
		})
	}
	t.Run("through the proxy", func(t *testing.T) {
		f := plantedFaults[2]
		err := p.with(t.Context(), "fault_proxy", f.change, func(dsn string) error {
			p.throughTheProxy(t, dsn, f.check)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("a database that is not there", func(t *testing.T) {
		code, results, err := p.check(t.Context(), p.server.DSN("nowhere"))
		if err != nil || code != exitInconclusive || len(alarms(results)) != len(results) {
			t.Errorf("exit code %d, alarms %v, %v", code, alarms(results), err)
		}
	})
}
