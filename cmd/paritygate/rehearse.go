package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"paritygate/compare/aggregate"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/fence"
)

// The lines that a dry run adds to the gate's report, one for each precondition that is configured.
const (
	storeCriterion     = "store"
	journalCriterion   = "journal"
	mirrorCriterion    = "mirror"
	fenceCriterion     = "fence"
	prepareCriterion   = "prepare"
	sequencesCriterion = "sequences"
	strictCriterion    = "strict_checks"
	holdCriterion      = "hold"
)

// preconditions are all of them.
var preconditions = []string{storeCriterion, journalCriterion, mirrorCriterion, fenceCriterion, prepareCriterion, sequencesCriterion, strictCriterion, holdCriterion}

// inspectFor bounds how long a dry run looks at the databases.
const inspectFor = 10 * time.Second

// rehearse goes through what a flip needs besides the gate, and changes nothing. What would make a flip fail is a refusal; what may
// change until then, such as strict checks that do not agree while writes go on, is reported. A gate that does not pass yet is a
// refusal too, unless the flip would be forced, and keeps nothing from being looked at: a right that is missing is to be found on the
// first day of the window, not after it.
func (s *service) rehearse(ctx context.Context, report cutover.Report, force bool) (cutover.Report, error) {
	c := s.current.Load()
	lines := append([]cutover.Criterion{s.storeLine(ctx), s.journalLine(ctx)}, s.mirror.lines()...)
	found, spent := s.databaseLines(ctx, c, true) // spent of the hold, as far as it can be measured
	lines = append(lines, found...)
	if line, ok := sequencesLine(c); ok {
		lines = append(lines, line)
	}
	if strictChecks(c) > 0 {
		line, took := s.strictLine(ctx)
		spent += took
		lines = append(lines, line)
	}
	if spent > 0 {
		lines = append(lines, holdLine(spent, c.config.Cutover.Hold.Max))
	}
	report.Criteria = append(report.Criteria, lines...)
	failed := unready(report, lines)
	if force || failed != nil && report.Verdict != cutover.Fail {
		return report, failed // what fails outweighs what is inconclusive: no waiting cures it
	}
	return report, refusal(report)
}

// databaseLines looks at what is to be fenced and prepared, and returns how long that will take as well, if it is to be measured.
func (s *service) databaseLines(ctx context.Context, c *compiled, measure bool) (lines []cutover.Criterion, spent time.Duration) {
	if s.databases == nil {
		return nil, 0
	}
	var limit time.Duration
	if measure {
		limit = c.config.Cutover.Hold.Max / 2 // beyond it is refused anyway
	}
	ctx, cancel := context.WithTimeout(ctx, inspectFor+limit)
	defer cancel()
	if c.config.Cutover.Fence != nil {
		found := s.databases.InspectFence(ctx)
		spent = found.Took * time.Duration(len(c.config.Cutover.Fence.SQL)+1)
		lines = append(lines, findingLine(fenceCriterion, found, "old can be fenced, and a write that works now proves it"))
	}
	if len(c.config.Cutover.Prepare) > 0 {
		found := s.databases.InspectPrepare(ctx, limit)
		spent += found.Took
		lines = append(lines, findingLine(prepareCriterion, found, "the statements can be run while writes are held"))
	}
	return lines, spent
}

// unready refuses for the lines that fail.
func unready(report cutover.Report, lines []cutover.Criterion) error {
	var failed []string
	for _, l := range lines {
		if l.Verdict == cutover.Fail {
			failed = append(failed, l.Name+": "+l.Reason)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	err := admin.Errorf(admin.CodeConflict, "the cutover would fail: %s", strings.Join(failed, "; "))
	err.Report = &report
	return err
}

// storeLine writes to the store, as it does every second.
func (s *service) storeLine(ctx context.Context) cutover.Criterion {
	line := cutover.Criterion{
		Name: storeCriterion, Verdict: cutover.Pass, Required: "the store takes writes", Reason: "the phase can be stored before it takes effect",
	}
	began := time.Now()
	if err := s.store.Flush(ctx); err != nil {
		line.Verdict, line.Observed, line.Reason = cutover.Fail, "a write failed", err.Error()
		return line
	}
	line.Observed = "written in " + rounded(time.Since(began))
	return line
}

func findingLine(name string, found fence.Finding, required string) cutover.Criterion {
	line := cutover.Criterion{Name: name, Verdict: cutover.Pass, Observed: found.Seen, Required: required}
	said := found.Open
	switch {
	case len(found.Problems) > 0:
		line.Verdict, said = cutover.Fail, found.Problems
	case len(found.Doubts) > 0:
		line.Verdict, said = cutover.Inconclusive, append(found.Doubts, found.Open...)
	}
	if line.Reason = strings.Join(said, "; "); line.Reason == "" {
		line.Reason = "nothing was found that would stop it"
	}
	if name == prepareCriterion && line.Verdict == cutover.Pass {
		line.Reason += "; nothing was run but what only reads, and a setval up to what it would set: how long the rest takes shows at the flip alone"
	}
	return line
}

// sequencesLine says whether the new side's sequences are held ahead of its ids: only where both databases are configured.
func sequencesLine(c *compiled) (cutover.Criterion, bool) {
	d := c.config.Databases
	if d == nil || d.Old.DSN == "" || d.New.DSN == "" {
		return cutover.Criterion{}, false
	}
	line := cutover.Criterion{Name: sequencesCriterion, Required: "a check of type sequences, strict_at_cutover"}
	for _, k := range c.checks {
		if k.Type != aggregate.Sequences {
			continue
		}
		if line.Observed == "" || k.Strict {
			line.Observed = "check " + k.Name
		}
		if k.Strict {
			line.Verdict, line.Reason = cutover.Pass, "the flip is abandoned if new would hand out an id that is there already"
			return line, true
		}
	}
	line.Verdict = cutover.Inconclusive
	if line.Observed == "" {
		line.Observed = "none"
	}
	line.Reason = "nothing makes sure that new hands out no id that is there already: the first writes after the flip may collide"
	return line, true
}

// strictLine runs the strict checks without holding a write. Writes go on meanwhile, and the flip asks until they agree.
func (s *service) strictLine(ctx context.Context) (cutover.Criterion, time.Duration) {
	began := time.Now()
	err := s.strictChecks(ctx)
	took := time.Since(began)
	line := cutover.Criterion{
		Name: strictCriterion, Verdict: cutover.Pass, Observed: "asked in " + rounded(took),
		Required: "agreement with tolerance 0 while writes are held", Reason: "both databases agree to the last row",
	}
	if err != nil {
		line.Verdict = cutover.Inconclusive
		line.Reason = "they do not agree now, while writes go on; the flip asks until they do, or is abandoned: " + err.Error()
	}
	return line, took
}

// holdLine judges what was measured against the time that writes may be held: the rest is for the drain, what is prepared, the
// commit, and checks that have to be asked twice.
func holdLine(spent, hold time.Duration) cutover.Criterion {
	line := cutover.Criterion{
		Name: holdCriterion, Verdict: cutover.Pass, Observed: rounded(spent) + " measured",
		Required: fmt.Sprintf("at most half of cutover.hold.max, %s", rounded(hold/2)),
		Reason:   "what is prepared, the strict checks and proving the fence leave time for the rest",
	}
	if spent > hold/2 {
		line.Verdict = cutover.Fail
		line.Reason = fmt.Sprintf("what is prepared, the strict checks and proving the fence took %s, more than half of cutover.hold.max (%s)", rounded(spent), hold)
	}
	return line
}

func rounded(d time.Duration) string { return d.Round(time.Millisecond).String() }
