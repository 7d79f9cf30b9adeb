package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
	"paritygate/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func gather(t *testing.T, s *source) report.Report {
	t.Helper()
	r, err := report.Gather(t.Context(), s, noon)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t *testing.T, r report.Report, f report.Format) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.Write(&out, f); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The golden files are what a ticket, a browser and a program get.
func TestGolden(t *testing.T) {
	r := gather(t, shop())
	for format, name := range map[report.Format]string{report.Markdown: "report.md", report.HTML: "report.html", report.JSON: "report.json"} {
		got, path := write(t, r, format), filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (go test ./internal/report -update writes it anew):\n%s", name, diff)
		}
	}
}

func TestVerdict(t *testing.T) {
	for name, tt := range map[string]struct {
		phase    cutover.Phase
		verdicts []cutover.Verdict
		want     report.Verdict
		headline string
	}{
		"everything passes":       {cutover.Shadow, []cutover.Verdict{cutover.Pass, cutover.Pass}, report.Go, "the cutover is allowed"},
		"one fails":               {cutover.Shadow, []cutover.Verdict{cutover.Inconclusive, cutover.Fail}, report.NoGo, "1 criterion fails"},
		"two fail":                {cutover.Shadow, []cutover.Verdict{cutover.Fail, cutover.Fail}, report.NoGo, "2 criteria fail"},
		"one is inconclusive":     {cutover.Shadow, []cutover.Verdict{cutover.Pass, cutover.Inconclusive}, report.Inconclusive, "does not suffice for 1 criterion"},
		"a flip is under way":     {cutover.Cutover, []cutover.Verdict{cutover.Pass}, report.Inconclusive, "under way"},
		"live":                    {cutover.Live, []cutover.Verdict{cutover.Inconclusive}, report.Done, "is done"},
		"rolled back, gate green": {cutover.RolledBack, []cutover.Verdict{cutover.Pass}, report.NoGo, "rolled back"},
	} {
		s := shop()
		s.status.Phase, s.gate = tt.phase, cutover.Report{Verdict: cutover.Pass}
		for i, v := range tt.verdicts {
			s.gate.Criteria = append(s.gate.Criteria, cutover.Criterion{Name: []string{"responses", "window"}[i], Verdict: v})
			if v == cutover.Fail || v == cutover.Inconclusive && s.gate.Verdict == cutover.Pass {
				s.gate.Verdict = v
			}
		}
		r := gather(t, s)
		if r.Verdict != tt.want || !strings.Contains(r.Headline, tt.headline) {
			t.Errorf("%s: %s, %q", name, r.Verdict, r.Headline)
		}
		if len(r.Obstacles) > 0 && r.Gate.Verdict == cutover.Fail && r.Obstacles[0].Verdict != cutover.Fail {
			t.Errorf("%s: what fails does not come first: %+v", name, r.Obstacles)
		}
		for _, f := range report.Formats {
			if text := write(t, r, f); !strings.Contains(strings.ToLower(text), string(tt.want)) {
				t.Errorf("%s: the verdict is not in the %s", name, f)
			}
		}
	}
}

// That the gate was skipped is said in every phase and format, and so is what a flip does without.
func TestForcedIsSaidForEver(t *testing.T) {
	for _, phase := range cutover.Phases {
		s := shop()
		s.status.Phase, s.status.Forced = phase, "the difference is known"
		r := gather(t, s)
		for _, f := range report.Formats {
			for _, want := range []string{"flipped past a gate that did not pass", "the difference is known", "strict_at_cutover"} {
				if text := strings.ReplaceAll(write(t, r, f), `\_`, "_"); !strings.Contains(text, want) {
					t.Errorf("%s: no %q in the %s", phase, want, f)
				}
			}
		}
	}
}

// What is missing until `complete`, and how the flip went, stand in the report of a run that is live.
func TestLive(t *testing.T) {
	s := shop()
	s.status.Phase, s.status.Canary.Fraction, s.status.Fence = cutover.Live, .05, admin.Fence{Configured: true, Standing: true}
	s.status.Cutover.Steps = []cutover.Step{{Name: cutover.StepDrain, Began: noon, Seconds: .124, Limit: 5, Outcome: cutover.Done, Detail: "3 writes ran out"}}
	s.status.Soak = &admin.Soak{Seconds: 3600, RequiredSeconds: 14 * 86400, Report: cutover.Report{
		Verdict: cutover.Inconclusive, Unmeasured: []string{"checks: not measured"},
		Criteria: []cutover.Criterion{{Name: "soak", Verdict: cutover.Inconclusive, Observed: "1h", Required: "14d", Reason: "13d 23h are missing"}},
	}}
	r := gather(t, s)
	for _, f := range []report.Format{report.HTML, report.Markdown} {
		text := strings.ReplaceAll(write(t, r, f), "\u00a0", " ")
		for _, want := range []string{"13d 23h are missing", "not measured", "refused", "3 writes ran out", "0.12 s of 5 s", "old refuses the application", "5 % of the reads are answered by new"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in the %s:\n%s", want, f, text)
			}
		}
	}
}

// A report that mixed two epochs would be of no moment at all.
func TestGatherIsOfOneMoment(t *testing.T) {
	s := shop()
	s.moves = 1
	if r := gather(t, s); r.Status.Epoch != 4 || s.asked < 3 {
		t.Errorf("epoch %d, the status was asked for %d times", r.Status.Epoch, s.asked)
	}
	s = shop()
	s.moves = 100
	if _, err := report.Gather(t.Context(), s, noon); err == nil || !strings.Contains(err.Error(), "the run moves on") {
		t.Error(err)
	}
}

func TestGatherFails(t *testing.T) {
	s := shop()
	for s.failAt = 1; s.failAt <= 8; s.failAt++ {
		s.calls = 0
		if _, err := report.Gather(t.Context(), s, noon); !errors.Is(err, errBroken) {
			t.Errorf("call %d failed, and the report says %v", s.failAt, err)
		}
	}
}

// What a backend, a client or a colleague has written is shown, and does nothing.
func TestEverythingIsEscaped(t *testing.T) {
	const evil = "</pre><script>alert(1)</script>|x\n# y\n```\n[a](javascript:b) `"
	s := shop()
	s.status.Run, s.status.Reason, s.status.Actor, s.status.Config.Checksum = evil, evil, evil, evil
	s.status.Warnings, s.status.Unwell = []string{evil}, []admin.Unwell{{Part: evil, Message: evil}}
	s.gate.Criteria[0].Reason, s.gate.Criteria[0].Observed = evil, evil
	s.status.Forced = evil
	s.routes[0].Route = evil
	s.routes[0].Rules[0].Rule, s.routes[0].Rules[0].Place, s.routes[0].Rules[2].Rule = evil, evil, evil
	s.routes[0].Noise[1].Path = evil
	s.groups[0].Route, s.groups[0].Signature, s.groups[0].ExampleID, s.groups[0].Differences[0].Path = evil, evil, evil, evil
	s.groups[0].Proposals[0] = admin.Proposal{Rule: evil, Where: evil, Reason: evil}
	s.checks[0].Name, s.checks[0].Old, s.checks[0].Reason = evil, &s.status.Run, evil
	s.checks[1].Differences[0] = evidence.CheckDifference{Key: evil, Kind: evil, Class: evil, Old: &s.status.Run, New: &s.status.Run}
	s.attestations[0].Evidence = evil
	s.events[0].Reason = evil
	r := gather(t, s)
	page := write(t, r, report.HTML)
	if strings.Contains(page, "<script") {
		t.Error("HTML lets a script through")
	}
	if strings.Contains(strings.ReplaceAll(page, "</pre></div>", ""), "</pre>") {
		t.Error("HTML lets the end of an element through")
	}
	text := write(t, r, report.Markdown)
	for _, line := range strings.Split(withoutFences(t, text), "\n") {
		if strings.HasPrefix(line, "# y") || regexp.MustCompile(`(^|[^\\])\[a\]\(`).MatchString(stripCode(line)) || strings.Contains(stripCode(line), "<script") && !strings.Contains(stripCode(line), `\<script`) {
			t.Errorf("Markdown lets it through: %s", line)
		}
	}
	calm := shop()
	calm.status.Forced = "once"
	if got, want := columns(text), columns(write(t, gather(t, calm), report.Markdown)); !cmp.Equal(got, want) {
		t.Errorf("the tables have %v columns, want %v", got, want)
	}
}

// withoutFences takes the blocks of code out, each of which must end.
func withoutFences(t *testing.T, text string) string {
	t.Helper()
	var out []string
	fence := ""
	for line := range strings.SplitSeq(text, "\n") {
		ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence == "" && len(ticks) >= 3:
			fence = ticks
		case fence != "" && line == fence:
			fence = ""
		case fence == "":
			out = append(out, line)
		}
	}
	if fence != "" {
		t.Errorf("a block of code does not end")
	}
	return strings.Join(out, "\n")
}

// stripCode takes out what stands between equally many backticks.
func stripCode(line string) string {
	for {
		start := strings.Index(line, "`")
		if start < 0 || start > 0 && line[start-1] == '\\' {
			return line
		}
		ticks := line[start : len(line)-len(strings.TrimLeft(line[start:], "`"))]
		end := strings.Index(line[start+len(ticks):], ticks)
		if end < 0 {
			return line
		}
		line = line[:start] + line[start+2*len(ticks)+end:]
	}
}

// columns are the numbers of cells of all rows of all tables.
func columns(markdown string) []int {
	var out []int
	for line := range strings.SplitSeq(markdown, "\n") {
		if strings.HasPrefix(line, "|") {
			out = append(out, strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"))
		}
	}
	return out
}

func TestUnknownFormat(t *testing.T) {
	r := gather(t, shop())
	var out bytes.Buffer
	if err := r.Write(&out, "pdf"); err == nil || out.Len() > 0 {
		t.Errorf("%v, %d bytes", err, out.Len())
	}
}

// A browser and a printer find all that the HTML needs in it.
func TestHTMLNeedsNothingElse(t *testing.T) {
	page := write(t, gather(t, shop()), report.HTML)
	if found := regexp.MustCompile(`(?i)(src|href)=|url\(|@import|<script`).FindString(page); found != "" {
		t.Errorf("it asks for something: %s", found)
	}
}

func TestJSONCanBeReadBack(t *testing.T) {
	want := gather(t, shop())
	var got report.Report
	if err := json.Unmarshal([]byte(write(t, want, report.JSON)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Verdict != want.Verdict || len(got.Routes) != len(want.Routes) || got.Routes[0].Rules[0] != want.Routes[0].Rules[0] ||
		*got.Mismatches[0].Explanation.Real != *want.Mismatches[0].Explanation.Real {
		t.Errorf("%+v", got)
	}
}

var errBroken = errors.New("broken")

var noon = time.Date(2026, 11, 21, 12, 0, 0, 500, time.UTC)

// call counts the calls, and fails the one that is to fail.
func (s *source) call(context.Context) error {
	if s.calls++; s.calls == s.failAt {
		return errBroken
	}
	return nil
}
