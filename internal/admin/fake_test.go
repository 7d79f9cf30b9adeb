package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// run is a Service whose state a test sets, and which keeps what was asked of it.
type run struct {
	mu           sync.Mutex
	status       admin.Status
	gate         cutover.Report
	routes       []admin.Route
	groups       []evidence.Group
	why          map[string]admin.Explanation // by signature
	samples      []evidence.Sample
	checks       []evidence.CheckResult
	events       []evidence.Event
	attestations []admin.Attestation
	readiness    admin.Readiness
	err          error // what every method answers, if set
	replayed     *admin.Replay
	panics       string // what Status panics with, if set

	all       bool
	query     admin.MismatchQuery
	after     int64
	limit     int
	replay    admin.ReplayRequest
	changes   []made
	abandoned bool // whether a change found its context ended
	reads     int
	recorded
}

// made is a change as the Service was asked for it.
type made struct {
	Call           string
	Actor, Reason  string
	Epoch          uint64 // 0 if none was named
	Fraction       float64
	Name, Evidence string
	DryRun, Force  bool
	Discard, Purge bool
}

func (r *run) locked(f func()) { r.mu.Lock(); defer r.mu.Unlock(); f() }

func (r *run) Status(context.Context) (admin.Status, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.panics != "" {
		panic(r.panics)
	}
	r.reads++
	r.status.Parity.Compared++ // so that a page that polls can be seen to
	return r.status, r.err
}

func (r *run) Gate(context.Context) (cutover.Report, error) { return r.gate, r.err }

func (r *run) Routes(_ context.Context, all bool) ([]admin.Route, error) {
	r.locked(func() { r.all = all })
	return r.routes, r.err
}

func (r *run) Mismatches(_ context.Context, q admin.MismatchQuery) ([]evidence.Group, []evidence.Sample, error) {
	r.locked(func() { r.query = q })
	return r.groups, r.samples, r.err
}

func (r *run) Explain(_ context.Context, g evidence.Group) (admin.Explanation, error) {
	return r.why[g.Signature], r.err
}

func (r *run) Mismatch(_ context.Context, id string) (evidence.Sample, error) {
	for _, s := range r.samples {
		if s.ID == id {
			return s, r.err
		}
	}
	return evidence.Sample{}, admin.Errorf(admin.CodeNotFound, "no mismatch has the id %q", id)
}

func (r *run) Checks(context.Context) ([]evidence.CheckResult, error) { return r.checks, r.err }

func (r *run) RunCheck(_ context.Context, name string) (evidence.CheckResult, error) {
	for _, c := range r.checks {
		if c.Name == name {
			return c, r.err
		}
	}
	return evidence.CheckResult{}, admin.Errorf(admin.CodeNotFound, "no check is called %q", name)
}

func (r *run) AuditHead(context.Context) (evidence.Head, error) {
	if len(r.events) == 0 {
		return evidence.Head{}, nil
	}
	last := r.events[len(r.events)-1]
	return evidence.Head{Seq: last.Seq, Hash: last.Hash}, nil
}

func (r *run) Events(_ context.Context, after int64, limit int) ([]evidence.Event, error) {
	r.locked(func() { r.after, r.limit = after, limit })
	events := slices.Clone(r.events)
	if after >= 0 {
		events = slices.DeleteFunc(events, func(e evidence.Event) bool { return e.Seq <= after })
		return events[:min(limit, len(events))], r.err
	}
	return events[max(0, len(events)-limit):], r.err
}

func (r *run) Attestations(context.Context) ([]admin.Attestation, error) {
	return r.attestations, r.err
}

func (r *run) change(ctx context.Context, m made, c admin.Change, epochMatters bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.abandoned = r.abandoned || ctx.Err() != nil
	m.Actor, m.Reason = c.Actor, c.Reason
	if c.Epoch != nil {
		m.Epoch = *c.Epoch
	}
	r.changes = append(r.changes, m)
	if r.err == nil && epochMatters && c.Epoch != nil && *c.Epoch != r.status.Epoch {
		return admin.Errorf(admin.CodeWrongEpoch, "the run is at epoch %d, not %d; look again before you change it", r.status.Epoch, *c.Epoch)
	}
	return r.err
}

func (r *run) SetMirror(ctx context.Context, c admin.Change, fraction float64) error {
	return r.change(ctx, made{Call: "mirror", Fraction: fraction}, c, true)
}

func (r *run) SetCanary(ctx context.Context, c admin.Change, fraction float64) error {
	return r.change(ctx, made{Call: "canary", Fraction: fraction}, c, true)
}

func (r *run) Attest(ctx context.Context, c admin.Change, name, evidence string) error {
	return r.change(ctx, made{Call: "attest", Name: name, Evidence: evidence}, c, true)
}

func (r *run) Cutover(ctx context.Context, c admin.Change, dryRun, force bool) (cutover.Report, error) {
	err := r.change(ctx, made{Call: "cutover", DryRun: dryRun, Force: force}, c, true)
	if err == nil && r.gate.Verdict != cutover.Pass && !force {
		code := admin.CodeGateInconclusive
		if r.gate.Verdict == cutover.Fail {
			code = admin.CodeGateFailed
		}
		return r.gate, &admin.Error{Code: code, Message: "the gate does not pass", Report: &r.gate}
	}
	return r.gate, err
}

func (r *run) Rollback(ctx context.Context, c admin.Change) error {
	return r.change(ctx, made{Call: "rollback"}, c, false)
}

func (r *run) Restart(ctx context.Context, c admin.Change) error {
	return r.change(ctx, made{Call: "restart"}, c, true)
}

func (r *run) Resume(ctx context.Context, c admin.Change, discard bool) error {
	return r.change(ctx, made{Call: "resume", Discard: discard}, c, true)
}

func (r *run) Complete(ctx context.Context, c admin.Change, purge bool) error {
	return r.change(ctx, made{Call: "complete", Purge: purge}, c, true)
}

func (r *run) Readiness() admin.Readiness {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.readiness
}

func (r *run) made() []made {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.changes)
}

// shop is a run as it might be in the second day of its window.
func shop() *run {
	now := time.Now()
	return &run{
		readiness: admin.Readiness{State: admin.Ready},
		status: admin.Status{
			Run: "supabase-to-planetscale", Phase: cutover.Shadow, Epoch: 3, Since: now.Add(-31*time.Hour - 12*time.Minute),
			Reason: "new v2.4.1 fixes the rounding of prices", Actor: "alice",
			Mirror: admin.Fraction{Fraction: .25},
			Config: admin.Config{Checksum: "9f2c41d07be8aa5310c77f"},
			Rollback: admin.Rollback{
				Safe: true, Reason: "",
			},
			Window: admin.Window{
				Start: now.Add(-31*time.Hour - 12*time.Minute), Reason: "restarted by alice",
				Seconds: 31.2 * 3600, RequiredSeconds: 48 * 3600,
			},
			Parity:        admin.Parity{Eligible: 1_284_903, Compared: 1_271_120, MismatchRate: .00312, UpperBound: .00327, Tolerance: .01},
			Version:       "0.1.0",
			UptimeSeconds: 190_000,
		},
		gate:         shopGate(now),
		routes:       shopRoutes(),
		groups:       shopGroups(now),
		why:          shopWhy(),
		samples:      shopSamples(now),
		checks:       shopChecks(now),
		events:       shopEvents(now),
		attestations: shopAttestations(now),
	}
}

func shopGate(now time.Time) cutover.Report {
	criterion := func(name string, verdict cutover.Verdict, observed, required, reason string) cutover.Criterion {
		return cutover.Criterion{Name: name, Verdict: verdict, Observed: observed, Required: required, Reason: reason}
	}
	return cutover.Report{Verdict: cutover.Fail, At: now, Criteria: []cutover.Criterion{
		criterion("window", cutover.Inconclusive, "31 h 12 min", "48 h", "Parity has held since 20 Nov 03:14 UTC; 16 h 48 min are left."),
		criterion("responses", cutover.Fail, "product: at most 2.41 %", "at most 1 %", "On product 63 of 2,911 requests differ; the other routes pass."),
		criterion("coverage", cutover.Inconclusive, "export: 212 samples", "400 for each route", "export has seen too little traffic; mark it optional or wait."),
		criterion("checks", cutover.Pass, "3 of 3 pass", "all pass", "The oldest result is 2 min old."),
		criterion("errors", cutover.Pass, "0.04 %", "at most 1 %", "New answered 512 of 1,271,120 requests with an error."),
		criterion("latency", cutover.Pass, "p99 184 ms", "at most 241 ms", "Old's p99 is 161 ms; new may take 1.5 times as long."),
		criterion("attestations", cutover.Inconclusive, "backup-1", "backup-1, backup-2", "backup-2 is missing: run `paritygate attest backup-2 --evidence …`."),
	}}
}

func shopRoutes() []admin.Route {
	route := func(name, kind string, rate, bound float64, latency [4]float64, verdicts ...int64) admin.Route {
		r := admin.Route{Route: name, Kind: kind, MismatchRate: rate, UpperBound: bound, Verdicts: map[compare.Verdict]int64{}}
		r.Latency.Old = evidence.Quantiles{P50: latency[0], P99: latency[1]}
		r.Latency.New = evidence.Quantiles{P50: latency[2], P99: latency[3]}
		for i, n := range verdicts {
			r.Verdicts[compare.Verdicts[i]] = n
			r.Eligible += n
		}
		return r
	}
	list := []admin.Route{
		route("product", "read", .0216, .0241, [4]float64{.018, .142, .015, .131}, 281_204, 90_113, 402, 8_011, 190, 3_120),
		route("search", "read", .00031, .0006, [4]float64{.041, .310, .052, .402}, 702_110, 101_300, 2_210, 201, 48, 9_910),
		route("categories", "read", 0, .0004, [4]float64{.004, .021, .003, .012}, 84_120, 0, 0, 0, 0, 310),
		route("export", "read", 0, .0174, [4]float64{.420, 1.9, .610, 2.4}, 212, 0, 0, 0, 0, 41),
		route("orders", "write", 0, 1, [4]float64{.031, .180, 0, 0}),
		route("read", "read", 0, 1, [4]float64{}),
	}
	list[0].Rules = []admin.RuleUse{
		{Rule: `{path: "$..requestId", ignore: true}`, Place: "compare.rules[0]", Exchanges: 251_002, Differences: 251_002, Share: .6606},
		{Rule: `{path: "$..updated_at", time: {skew: 2s}}`, Place: "compare.rules[1]", Exchanges: 12_204, Differences: 12_310, Share: .0321},
		{Rule: `{path: "$.never", ignore: value}`, Place: "compare.rules[2]"},
	}
	list[0].Noise = []admin.NoisePlace{
		{Place: admin.Place{Location: compare.InBody, Path: "$.variants[*].price", Kind: compare.KindValue}, Asked: 4120, OnlyNew: 91, OnlyOld: 61, Both: 3, Real: .9923, Finding: evidence.NoiseOpen},
		{Place: admin.Place{Location: compare.InBody, Path: "$.recommendations[*].score", Kind: compare.KindValue}, Asked: 4120, OnlyNew: 2, OnlyOld: 3, Both: 4110, Real: .3438, Finding: evidence.NoiseProven, Masked: true, Hidden: 41_102},
	}
	list[0].Skipped = map[compare.Reason]int64{compare.QueueFull: 2_904, compare.ClientGone: 216}
	list[1].Skipped = map[compare.Reason]int64{compare.TooLarge: 9_880, compare.ClientGone: 30}
	list[3].Skipped = map[compare.Reason]int64{compare.TooLarge: 41}
	return list
}

func shopGroups(now time.Time) []evidence.Group {
	return []evidence.Group{
		{
			Verdict: compare.Mismatch, Signature: "5e1c0a97", Route: "product", Count: 7_902, ExampleID: "m-1041",
			First: now.Add(-29 * time.Hour), Last: now.Add(-4 * time.Second),
			Differences: []compare.Difference{{Location: compare.InBody, Path: "$.variants[0].price", Kind: compare.KindValue}},
		},
		{
			Verdict: compare.Mismatch, Signature: "b07d11f2", Route: "search", Count: 201, ExampleID: "m-1038",
			First: now.Add(-11 * time.Hour), Last: now.Add(-6 * time.Minute),
			Differences: []compare.Difference{
				{Location: compare.InStatus, Kind: compare.KindValue},
				{Location: compare.InHeader, Path: "content-type", Kind: compare.KindValue},
				{Location: compare.InBody, Path: "$", Kind: compare.KindType},
			},
		},
		{
			Verdict: compare.Failed, Signature: "c4409e3d", Route: "product", Count: 190, ExampleID: "m-1022",
			First: now.Add(-20 * time.Hour), Last: now.Add(-2 * time.Hour),
		},
	}
}

const (
	oldProduct = `{"id":4711,"name":"Kettle \u201cAurora\u201d","currency":"EUR","variants":[{"sku":"K-1","price":49.90,"stock":12},{"sku":"K-2","price":59.90,"stock":0}],` +
		`"tags":["kitchen","steel","1.7 l"],"dimensions":{"height":24.5,"width":21.0,"depth":16.2,"unit":"cm"},"updated_at":"2026-11-20T21:04:11Z","requestId":"a1f0"}`
	newProduct = `{"id":4711,"name":"Kettle \u201cAurora\u201d","currency":"EUR","variants":[{"sku":"K-1","price":49.89,"stock":12},{"sku":"K-2","price":59.90,"stock":0,"reserved":2}],` +
		`"tags":["kitchen","steel","1.7 l"],"dimensions":{"height":24.5,"width":21.0,"depth":16.2,"unit":"cm"},"updated_at":"2026-11-20T21:04:12Z","requestId":"77b3"}`
)

func shopSamples(now time.Time) []evidence.Sample {
	header := func(server string) map[string][]string {
		return map[string][]string{"Content-Type": {"application/json"}, "Server": {server}, "Cache-Control": {"max-age=60"}, "Set-Cookie": {"[redacted]"}}
	}
	return []evidence.Sample{
		{
			ID: "m-1041", Time: now.Add(-4 * time.Second), Route: "product", Verdict: compare.Mismatch, Signature: "5e1c0a97",
			Method: "GET", Target: "/api/products/4711?expand=variants",
			Header: map[string][]string{"Accept": {"application/json"}, "Authorization": {"[redacted]"}},
			Old:    evidence.Leg{Status: 200, Duration: 18 * time.Millisecond, Header: header("nginx"), Body: []byte(oldProduct)},
			New:    evidence.Leg{Status: 200, Duration: 15 * time.Millisecond, Header: header("cloudflare"), Body: []byte(newProduct)},
			Differences: []compare.Difference{
				{Location: compare.InBody, Path: "$.variants[0].price", Kind: compare.KindValue, Old: "49.90", New: "49.89"},
				{Location: compare.InBody, Path: "$.variants[1].reserved", Kind: compare.KindExtra, New: "2"},
			},
		},
		{
			ID: "m-1038", Time: now.Add(-6 * time.Minute), Route: "search", Verdict: compare.Mismatch, Signature: "b07d11f2",
			Method: "GET", Target: "/api/search?q=%22caf%C3%A9%22&page=2",
			Old: evidence.Leg{Status: 200, Duration: 44 * time.Millisecond, Header: header("nginx"), Body: []byte(`[{"id":1,"name":"Café crème"}]`)},
			New: evidence.Leg{
				Status: 500, Duration: 9 * time.Millisecond, Header: map[string][]string{"Content-Type": {"text/plain"}},
				Body: []byte("upstream query failed\nretry later\n"),
			},
			Differences: []compare.Difference{
				{Location: compare.InStatus, Kind: compare.KindValue, Old: "200", New: "500"},
				{Location: compare.InHeader, Path: "content-type", Kind: compare.KindValue, Old: "application/json", New: "text/plain"},
				{Location: compare.InBody, Path: "$", Kind: compare.KindType, Old: `[{"id":1,"name":"Café crème"}]`, New: "upstream query failed"},
			},
		},
		{
			ID: "m-1022", Time: now.Add(-2 * time.Hour), Route: "product", Verdict: compare.Failed, Signature: "c4409e3d",
			Method: "GET", Target: "/api/products/9",
			Old: evidence.Leg{Status: 200, Duration: 20 * time.Millisecond, Body: []byte{0xff, 0xd8, 0xff, 0xe0}},
			New: evidence.Leg{Error: "no answer within 10s"},
		},
	}
}

func shopChecks(now time.Time) []evidence.CheckResult {
	at := now.Add(-130 * time.Second)
	text := func(s string) *string { return &s }
	ratio := func(f float64) *float64 { return &f }
	return []evidence.CheckResult{
		{Name: "datasets", Type: "count", Verdict: "pass", Variance: ratio(.0004), Old: text("1204511"), New: text("1204029"), At: &at, DurationSeconds: .412, Reason: "within 1 %"},
		{
			Name: "revenue", Type: "scalar", Verdict: "fail", Variance: ratio(.021), Old: text("88120.40"), New: text("86269.87"), At: &at, DurationSeconds: .088, Reason: "2.1 % is more than 1 %",
			Differences: []evidence.CheckDifference{{Key: "EUR", Kind: compare.KindValue, Old: text("88120.40"), New: text("86269.87"), Variance: ratio(.021)}}, Dropped: 3,
			History: []evidence.CheckRun{{At: at.Add(-10 * time.Minute), Verdict: "pass", Variance: ratio(0)}, {At: at.Add(-5 * time.Minute), Verdict: "inconclusive"}, {At: at, Verdict: "fail", Variance: ratio(.021)}},
		},
		{Name: "tags", Type: "count", Verdict: "inconclusive", Reason: "has not run yet"},
	}
}

func shopEvents(now time.Time) []evidence.Event {
	var events []evidence.Event
	add := func(age time.Duration, actor, kind, from, to string, epoch uint64, reason string) {
		seq := int64(len(events) + 1)
		events = append(events, evidence.Event{
			Seq: seq, Time: now.Add(-age), Actor: actor, Kind: kind, From: from, To: to, Epoch: epoch, Reason: reason,
			Hash: fmt.Sprintf("%016x%048x", uint64(seq)*0x9e3779b97f4a7c15, seq),
		})
	}
	add(75*time.Hour, "local", "start", "", "shadow", 1, "first start")
	add(60*time.Hour, "alice", "mirror", "shadow", "shadow", 1, "10 % to 25 %")
	add(52*time.Hour, "alice", "phase", "shadow", "live", 2, "the gate passes")
	add(51*time.Hour, "trigger", "rollback", "live", "rolled_back", 3, "new failed 48 of 60 requests in 10 s, on 17 distinct requests")
	add(50*time.Hour, "alice", "resume", "rolled_back", "shadow", 3, "new is repaired")
	add(40*time.Hour, "alice", "attest", "shadow", "shadow", 3, "backup-1: s3://backups/2026-11-19, 41 tables restored and counted")
	add(31*time.Hour, "alice", "restart", "shadow", "shadow", 3, "new v2.4.1 fixes the rounding of prices")
	events[3].Evidence = shopEvidence(now)
	return events
}

// shopSteps is a flip at its third step.
func shopSteps(now time.Time) []cutover.Step {
	return []cutover.Step{
		{Name: cutover.StepHold, Began: now.Add(-2 * time.Second), Outcome: cutover.Done, Detail: "writes wait from here on"},
		{Name: cutover.StepDrain, Began: now.Add(-2 * time.Second), Seconds: .124, Limit: 5, Outcome: cutover.Done, Detail: "3 writes ran out"},
		{Name: cutover.StepChecks, Began: now.Add(-1800 * time.Millisecond), Seconds: 1.8, Limit: 9.37, Outcome: cutover.UnderWay},
	}
}

// shopEvidence is what a rollback rested on.
func shopEvidence(now time.Time) json.RawMessage {
	data, err := json.Marshal(map[string]any{
		"gate": shopGate(now.Add(-51 * time.Hour)), "trigger": map[string]any{"name": "error_rate", "observed": .8, "threshold": .05, "window_seconds": 10},
		"steps": []cutover.Step{{Name: cutover.StepDrain, Began: now.Add(-51 * time.Hour), Seconds: 1, Limit: 1, Outcome: cutover.Failed, Detail: "2 writes are unknown"}},
		"diff":  "@@ compare @@\n-  tolerance: 1%\n+  tolerance: 2%\n",
	})
	if err != nil {
		panic(err)
	}
	return data
}

func shopWhy() map[string]admin.Explanation {
	real, half := .9734, .5
	body := func(path string, kind compare.Kind) []admin.Place {
		return []admin.Place{{Location: compare.InBody, Path: path, Kind: kind}}
	}
	return map[string]admin.Explanation{
		"5e1c0a97": {
			Real: &real, SecondReads: 4120,
			Proposals: []admin.Proposal{{
				Places: body("$.variants[*].price", compare.KindValue), Rule: `{path: "$.variants[*].price", number: {absolute: 0.01}}`,
				Where: "routes[0].compare.rules", Reason: "up to 0.01 between the two numbers, as rounding makes it",
			}},
		},
		"b07d11f2": {
			Real: &half, SecondReads: 12, Noise: true,
			Proposals: []admin.Proposal{
				{Places: []admin.Place{{Location: compare.InStatus, Kind: compare.KindValue}}, Reason: "no rule is about the status: new must give the one that old gives"},
				{
					Places: []admin.Place{{Location: compare.InHeader, Path: "content-type", Kind: compare.KindValue}}, Rule: "{header: content-type, ignore: value}",
					Where: "routes[1].compare.rules", Reason: "any other value of the header, which must still be there",
				},
				{Places: body("$", compare.KindType), Reason: "the bodies differ as a whole, and a rule for that would compare nothing of them"},
			},
		},
	}
}

func shopAttestations(now time.Time) []admin.Attestation {
	at := now.Add(-40 * time.Hour)
	return []admin.Attestation{
		{Name: "backup-1", Required: true, Valid: true, Actor: "alice", Time: &at, Evidence: "s3://backups/2026-11-19, 41 tables restored and counted"},
		{Name: "backup-2", Required: true},
	}
}
