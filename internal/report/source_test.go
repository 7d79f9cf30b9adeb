package report_test

import (
	"context"
	"encoding/json"
	"time"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// source is an admin API whose run a test sets.
type source struct {
	status       admin.Status
	gate         cutover.Report
	routes       []admin.Route
	groups       []admin.Group
	checks       []evidence.CheckResult
	attestations []admin.Attestation
	events       []evidence.Event

	moves         int // how many times more the run enters another epoch when its status is asked for
	asked         int
	calls, failAt int
}

func (s *source) Status(ctx context.Context) (admin.Status, error) {
	s.asked++
	if s.moves > 0 && s.asked > 1 {
		s.moves--
		s.status.Epoch++
	}
	return s.status, s.call(ctx)
}

func (s *source) Gate(ctx context.Context) (cutover.Report, error) { return s.gate, s.call(ctx) }

func (s *source) Routes(ctx context.Context, _ bool) ([]admin.Route, error) {
	return s.routes, s.call(ctx)
}

func (s *source) Mismatches(ctx context.Context, _ admin.MismatchQuery) (admin.Mismatches, error) {
	return admin.Mismatches{Groups: s.groups}, s.call(ctx)
}

func (s *source) Checks(ctx context.Context) ([]evidence.CheckResult, error) {
	return s.checks, s.call(ctx)
}

func (s *source) Attestations(ctx context.Context) ([]admin.Attestation, error) {
	return s.attestations, s.call(ctx)
}

func (s *source) Events(ctx context.Context, _ int64, _ int) ([]evidence.Event, error) {
	return s.events, s.call(ctx)
}

// shop is a run in the second day of its window, with one criterion that fails.
func shop() *source {
	began := noon.Add(-31*time.Hour - 12*time.Minute).Truncate(time.Second)
	return &source{
		status: admin.Status{
			Run: "supabase-to-planetscale", Phase: cutover.Shadow, Epoch: 3, Since: began, Reason: "new v2.4.1 fixes the rounding of prices", Actor: "alice",
			Mirror: admin.Fraction{Fraction: .25}, Config: admin.Config{Checksum: "9f2c41d07be8aa5310c77f"}, Rollback: admin.Rollback{Safe: true},
			Window:  admin.Window{Start: began, Reason: "new v2.4.1 fixes the rounding of prices", Seconds: 31.2 * 3600, RequiredSeconds: 48 * 3600},
			Parity:  admin.Parity{Eligible: 1_284_903, Compared: 1_271_120, MismatchRate: .00312, UpperBound: .00327, Tolerance: .01},
			Unwell:  []admin.Unwell{},
			Version: "0.1.0", UptimeSeconds: 190_000,
			Warnings: []string{"no check is strict_at_cutover: a flip does not compare the data while writes are held"},
		},
		gate: cutover.Report{Verdict: cutover.Fail, At: began.Add(31 * time.Hour), Criteria: []cutover.Criterion{
			{Name: "window", Verdict: cutover.Inconclusive, Observed: "31h12m0s", Required: "48h0m0s", Reason: "31h12m0s of 48h0m0s have passed"},
			{Name: "responses", Verdict: cutover.Fail, Observed: "63 of 2911 units bad", Required: "at most 1%, on every route", Reason: "route product: 63 of 1204 units of evidence mismatch or failed, which proves a rate above 1%"},
			{Name: "lagged", Verdict: cutover.Pass, Observed: "2 of 2911 units lagged", Required: "at most 5% lagged, on every route", Reason: "new follows old closely"},
			{Name: "attestations", Verdict: cutover.Inconclusive, Observed: "1 of 2", Required: "backup-1, backup-2", Reason: "nobody has attested backup-2 yet: paritygate attest backup-2 --evidence TEXT"},
		}},
		routes: routes(), groups: groups(began), checks: checks(began), attestations: attestations(began), events: events(began),
	}
}

func routes() []admin.Route {
	product := admin.Route{
		Route: "product", Kind: "read", Eligible: 383_040, MismatchRate: .0216, UpperBound: .0241,
		Verdicts: map[compare.Verdict]int64{
			compare.Match: 41_204, compare.Tolerated: 330_113, compare.Lagged: 402, compare.Mismatch: 8_011, compare.Failed: 190, compare.Skipped: 3_120,
		},
		Skipped: map[compare.Reason]int64{compare.QueueFull: 2_904, compare.ClientGone: 216},
		Latency: admin.Latency{Old: evidence.Quantiles{P50: .018, P99: .142}, New: evidence.Quantiles{P50: .015, P99: .131}},
		Rules: []admin.RuleUse{
			{Rule: `{path: "$..requestId", ignore: true}`, Place: "compare.rules[0]", Exchanges: 251_002, Differences: 251_002, Share: .6606},
			{Rule: `{path: "$..updated_at", time: {skew: 2s}}`, Place: "compare.rules[1]", Exchanges: 12_204, Differences: 12_310, Share: .0321},
			{Rule: `{path: "$.never", ignore: value}`, Place: "compare.rules[2]"},
		},
		Noise: []admin.NoisePlace{
			{Place: place("$.variants[*].price", compare.KindValue), Asked: 4120, OnlyNew: 91, Real: 1, Finding: evidence.NoiseRefuted},
			{Place: place("$.recommendations[*].score", compare.KindValue), Asked: 4120, OnlyNew: 2, OnlyOld: 3, Both: 4110, Real: .3438, Finding: evidence.NoiseProven, Masked: true, Hidden: 41_102},
		},
	}
	write := admin.Route{Route: "orders", Kind: "write", UpperBound: 1, Verdicts: map[compare.Verdict]int64{}, Latency: admin.Latency{Old: evidence.Quantiles{P50: .031, P99: .18}}}
	return []admin.Route{product, write}
}

func place(path string, kind compare.Kind) admin.Place {
	return admin.Place{Location: compare.InBody, Path: path, Kind: kind}
}

func groups(began time.Time) []admin.Group {
	likely := .9734
	return []admin.Group{
		{
			Group:   evidence.Group{Signature: "5e1c0a97", Route: "product", Count: 7_902, First: began.Add(time.Hour), Last: began.Add(31 * time.Hour), ExampleID: "m-1041"},
			Verdict: compare.Mismatch, Differences: []admin.Place{place("$.variants[0].price", compare.KindValue)},
			Explanation: admin.Explanation{Real: &likely, SecondReads: 4120, Proposals: []admin.Proposal{{
				Places: []admin.Place{place("$.variants[*].price", compare.KindValue)}, Rule: `{path: "$.variants[*].price", number: {absolute: 0.01}}`,
				Where: "routes[0].compare.rules", Reason: "up to 0.01 between the two numbers, as rounding makes it",
			}}},
		},
		{
			Group:   evidence.Group{Signature: "c4409e3d", Route: "product", Count: 190, First: began.Add(2 * time.Hour), Last: began.Add(20 * time.Hour), ExampleID: "m-1022"},
			Verdict: compare.Failed, Differences: []admin.Place{},
		},
	}
}

func checks(began time.Time) []evidence.CheckResult {
	at, variance, apart, old, fresh := began.Add(31*time.Hour), .0004, .25, "1204511", "1204029"
	return []evidence.CheckResult{
		{Name: "datasets", Type: "count", Verdict: "pass", Variance: &variance, Old: &old, New: &fresh, At: &at, DurationSeconds: .412, Reason: "within 1 %", Tolerance: json.RawMessage("{}"), Differences: []evidence.CheckDifference{}},
		{
			Name: "top-sellers", Type: "top", Verdict: "fail", Variance: &apart, At: &at, DurationSeconds: .088, Reason: "product|17 differs by 25 %", Tolerance: json.RawMessage("{}"),
			Differences: []evidence.CheckDifference{
				{Key: "product|17", Kind: compare.KindValue, Old: &old, New: &fresh, Variance: &apart},
				{Key: "*4711*", Kind: compare.KindMissing, Class: "missing", Old: &old},
			}, Dropped: 1204, History: []evidence.CheckRun{{At: at, Verdict: "fail", Variance: &apart}},
		},
		{Name: "tags", Type: "count", Verdict: "inconclusive", Reason: "has not run yet", Tolerance: json.RawMessage("{}"), Differences: []evidence.CheckDifference{}},
	}
}

func attestations(began time.Time) []admin.Attestation {
	at := began.Add(-9 * time.Hour)
	return []admin.Attestation{
		{Name: "backup-1", Required: true, Valid: true, Actor: "alice", Time: &at, Evidence: "s3://backups/2026-11-19, 41 tables restored and counted"},
		{Name: "backup-2", Required: true},
		{Name: "clients-ready", Actor: "bob", Time: &at, Evidence: "app 4.2 is out"},
	}
}

func events(began time.Time) []evidence.Event {
	return []evidence.Event{
		{Seq: 6, Time: began.Add(-9 * time.Hour), Actor: "alice", Kind: "attest", From: "shadow", To: "shadow", Epoch: 3, Reason: "backup-1: s3://backups/2026-11-19", Evidence: json.RawMessage("{}"), Hash: "45d9"},
		{Seq: 7, Time: began, Actor: "alice", Kind: "restart", From: "rolled_back", To: "shadow", Epoch: 3, Reason: "new v2.4.1 fixes the rounding of prices", Evidence: json.RawMessage("{}"), Hash: "9f2c"},
	}
}
