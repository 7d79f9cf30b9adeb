package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

var pages = []string{"/", "/routes", "/mismatches", "/mismatches/m-1041", "/mismatches/m-1038", "/mismatches/m-1022", "/checks", "/events", "/events/4"}

func TestPages(t *testing.T) {
	r := shop()
	server := serve(t, r)
	for path, want := range map[string][]string{
		"/":                  {"supabase-to-planetscale", `aria-current="step"`, "Epoch 3", "on product 63 of 2,911", "3 of 7 criteria pass", "Restart the window…"},
		"/routes":            {"383,040", `<code>{path: &#34;$..requestId&#34;, ignore: true}</code>`, `<span class="verdict much"`, "12,310", "$.recommendations[*].score", "34 %", "masked, hid 41,102", "over 99 %", "Hid nothing so far: <code>{path: &#34;$.never&#34;", "queue\u00a0full", "142\u00a0ms → 131\u00a0ms"},
		"/mismatches":        {"7,902", "97 % real", `>noise</span>`, "not measured", "- {path: &#34;$.variants[*].price&#34;, number: {absolute: 0.01}} # hides up to", "$.variants[0].price", `href="/mismatches/m-1041"`, "no answer within 10s"},
		"/mismatches/m-1041": {`<tr class="differs"><td>      &#34;price&#34;: 49.90,</td><td>      &#34;price&#34;: 49.89,</td></tr>`, `<tr class="forgiven"><td>  &#34;requestId&#34;`},
		"/mismatches/m-1038": {"upstream query failed", "500 Internal Server Error"},
		"/mismatches/m-1022": {"not text: 4 bytes from old", "no answer within 10s"},
		"/checks":            {"revenue", "<code>EUR</code>", `<code class="old">88120.40</code>`, "and 3 more", `aria-label="1 of 3 runs failed, 1 inconclusive; at most 2.10`, `<rect class="fail" x="16" y="0" width="6" height="24"`, `<rect class="inconclusive" x="8" y="21"`, "never", `data-run="datasets"`},
		"/events":            {"rolled back → shadow", "48 of 60 requests", `<a href="/events/4">4</a>`},
		"/events/4":          {"Event 4: rollback", "live → rolled back", "<dt>trigger.observed</dt><dd>0.8</dd>", "drain</th>", "1\u00a0s of 1\u00a0s", "2 writes are unknown", "The gate as it stood", `<span class="old">-  tolerance: 1%</span>`},
	} {
		got := call(t, server, "GET", path, "", "Accept: text/html")
		if got.Status != 200 || got.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
		for _, part := range want {
			if part = strings.ReplaceAll(part, "queue\u00a0full", "queue full"); !strings.Contains(strings.ToLower(got.Body), strings.ToLower(part)) {
				t.Errorf("%s: no %q in\n%s", path, part, got.Body)
			}
		}
	}
	for _, path := range []string{"/events/99", "/events/x", "/events/0"} {
		if got := call(t, server, "GET", path, "", "Accept: text/html"); got.Status != 404 || !strings.Contains(got.Body, "no event has the number") {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	got := call(t, server, "GET", "/mismatches/none", "", "Accept: text/html")
	if got.Status != 404 || !strings.Contains(got.Body, "no mismatch has the id") {
		t.Errorf("an error page: %d %s", got.Status, got.Body)
	}
}

func TestFragments(t *testing.T) {
	server := serve(t, shop())
	for _, path := range []string{"/", "/routes", "/mismatches", "/checks", "/events"} {
		got := call(t, server, "GET", path, "", "HX-Request: true", "HX-Target: live")
		if strings.Contains(got.Body, "<html") || !strings.Contains(got.Body, `id="phase" hx-swap-oob="true"`) {
			t.Errorf("%s: %s", path, got.Body)
		}
	}
	got := call(t, server, "GET", "/", "", "HX-Request: true", "HX-Target: actions")
	if !strings.HasPrefix(strings.TrimSpace(got.Body), `<section id="actions"`) {
		t.Error(got.Body)
	}
}

func TestButtonsBelongToThePhase(t *testing.T) {
	for phase, want := range map[cutover.Phase]string{
		cutover.Shadow: "ask-dry-run ask-canary ask-restart", cutover.Canary: "ask-dry-run ask-canary ask-restart ask-rollback",
		cutover.Cutover: "ask-rollback", cutover.Live: "ask-complete ask-rollback", cutover.RolledBack: "ask-resume", cutover.Complete: "",
	} {
		r := shop()
		r.status.Phase = phase
		body := call(t, serve(t, r), "GET", "/", "").Body
		var got []string
		for _, m := range regexp.MustCompile(`data-opens="([a-z-]+)"`).FindAllStringSubmatch(body, -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", phase, got, want)
		}
	}
}

// A flip under way is shown step by step, and asked for oftener; that the gate was once skipped is shown for ever.
func TestFlipIsShownLive(t *testing.T) {
	r := shop()
	r.status.Phase, r.status.Forced, r.status.HeldWrites = cutover.Cutover, "the difference is known", 12
	r.status.Fence = admin.Fence{Configured: true, Standing: true}
	r.status.Cutover.Steps = shopSteps(time.Now())
	body := call(t, serve(t, r), "GET", "/", "").Body
	for _, want := range []string{
		" data-moving ", "Step: checks.", "Under way", "12 writes wait.", `<span class="verdict under_way">under way</span>`, "0.12\u00a0s of 5\u00a0s",
		"<strong>Forced.</strong> The difference is known.", "old refuses the application&#39;s writes",
	} {
		if !strings.Contains(body, want) && !strings.Contains(body, strings.ReplaceAll(want, "&#39;", "'")) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	if strings.Contains(body, "Triggers</h2>") {
		t.Error("triggers that rest are shown")
	}
	r.status.Rollback.Triggers = []admin.Trigger{
		{Name: "error_rate", State: cutover.Armed, Observed: "0.2 %", Limit: "5 %"}, {Name: "client_errors", State: cutover.Firing, Reason: "both backends fail alike"},
	}
	r.status.Soak = &admin.Soak{Seconds: 3600, RequiredSeconds: 14 * 86400, Report: cutover.Report{
		Verdict: cutover.Inconclusive, Unmeasured: []string{"checks: not measured"}, Criteria: []cutover.Criterion{{Name: "soak", Verdict: cutover.Inconclusive, Reason: "13 days are missing"}},
	}}
	r.status.Cutover.Steps[2].Outcome = cutover.Done
	if body := call(t, serve(t, r), "GET", "/", "").Body; strings.Contains(body, "data-moving") || !strings.Contains(body, "The last flip or rollback") {
		t.Error("a flip that is over is shown as one under way")
	} else if !strings.Contains(body, `<span class="verdict firing">firing</span>`) || !strings.Contains(body, "13 days are missing") || !strings.Contains(body, "Checks: not measured.") || !strings.Contains(body, "both backends fail alike") {
		t.Errorf("no trigger in\n%s", body)
	}
}

// What a rollback would leave behind is shown once there is anything, with what a person has to decide.
func TestJournalIsShown(t *testing.T) {
	r := shop()
	if body := call(t, serve(t, r), "GET", "/", "").Body; strings.Contains(body, "Journal of writes") {
		t.Error("a run without a record has a journal")
	}
	free, oldest, eta := int64(3<<30), time.Date(2026, 11, 21, 14, 2, 0, 0, time.UTC), 61.0
	r.status.Journal = admin.Journal{
		Records: 12345, Bytes: 5 << 20, FreeBytes: &free, Bypassed: 2, Unavailable: "no space left on device",
		ToOld: admin.Backlog{Acknowledged: 1284, Unknown: 3, OldestID: "0a1b2c3d-17", Oldest: &oldest},
	}
	r.replayed = &admin.Replay{State: admin.ReplayRunning, To: "old", Total: 1284, Sent: 284, ETASeconds: &eta}
	body := call(t, serve(t, r), "GET", "/", "").Body
	for _, want := range []string{
		"not available", "No space left on device.", "12,345 records, 5 MiB; 3 GiB free.", ">1,284</td>", ">3</td>", "0a1b2c3d-17", "2 requests that may have changed new bypassed", "<code>paritygate journal list --unknown</code>",
		"Replay to old: 284 of 1,284 writes sent, 1\u00a0min 1\u00a0s to go.", `<progress max="1284" value="284"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	r.replayed = &admin.Replay{State: admin.ReplayEnded, To: "old", Summary: &admin.ReplaySummary{Total: 5, Sent: 2, Stopped: &admin.ReplayStop{Message: "the write 0a1b2c3d-19 is a conflict"}}}
	r.status.Journal.ToOld = admin.Backlog{}
	if body := call(t, serve(t, r), "GET", "/", "").Body; !strings.Contains(body, "stopped after 2 of 5 writes: the write 0a1b2c3d-19 is a conflict") || !strings.Contains(body, "Neither side lacks a write") {
		t.Errorf("no end in\n%s", body)
	}
}

func TestResumeAsksBeforeItGivesUpWrites(t *testing.T) {
	for writes, want := range map[int64]bool{0: false, 1284: true} {
		r := shop()
		r.status.Phase, r.status.Rollback.UnreplayedWrites = cutover.RolledBack, writes
		body := call(t, serve(t, r), "GET", "/", "").Body
		if got := strings.Contains(body, `name="discard" required> Give up the 1,284 writes`); got != want {
			t.Errorf("%d writes: asked %v", writes, got)
		}
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Whatever a backend, a client or a colleague writes is shown, and never run.
func TestEverythingIsEscaped(t *testing.T) {
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'`
	r := shop()
	s := &r.samples[0]
	r.status.Run, r.status.Reason, r.status.Actor = evil, evil, evil
	r.status.Unwell, r.status.Warnings = []admin.Unwell{{Part: evil, Message: evil}}, []string{evil}
	s.Target, s.Route, s.Signature, s.Method = evil, evil, evil, evil
	s.Differences[0] = compare.Difference{Location: compare.InBody, Path: "$." + evil, Kind: compare.KindValue, Old: evil, New: evil}
	s.Old.Body, s.New.Body = []byte(evil), []byte("<script>alert(3)</script>")
	s.Old.Header = map[string][]string{evil: {evil}}
	s.New.Error = evil
	r.groups[0].Route, r.groups[0].Differences = evil, s.Differences
	r.why["5e1c0a97"].Proposals[0] = admin.Proposal{Rule: evil, Where: evil, Reason: evil}
	r.routes[0].Route, r.routes[0].Kind = evil, evil
	r.routes[0].Rules[0].Rule, r.routes[0].Rules[0].Place, r.routes[0].Rules[2].Rule = evil, evil, evil
	r.checks[0].Name, r.checks[0].Old, r.checks[0].Reason = evil, &s.Target, evil
	r.checks[0].Differences = []evidence.CheckDifference{{Key: evil, Kind: evil, Class: evil, Old: &s.Target, New: &s.Target}}
	r.checks[0].History = []evidence.CheckRun{{Verdict: evil}}
	r.events[3].Reason, r.events[3].Actor, r.events[3].Kind = evil, evil, evil
	r.events[3].Evidence = marshal(t, map[string]any{evil: evil, "diff": evil + "\n-" + evil, "steps": []cutover.Step{{Name: evil, Outcome: evil, Detail: evil}}})
	r.status.Rollback.Triggers = []admin.Trigger{{Name: evil, State: evil, Observed: evil, Limit: evil, Reason: evil}}
	r.status.Forced, r.status.Cutover.Steps = evil, []cutover.Step{{Name: evil, Outcome: evil, Detail: evil}}
	r.gate.Criteria[0].Reason, r.gate.Criteria[0].Observed = evil, evil
	server := serve(t, r)
	for _, path := range append(pages, "/mismatches?route=%3Cscript%3Ealert(4)%3C/script%3E", "/mismatches?signature=%22%3E%3Cscript%3E", "/%3Cscript%3E") {
		for _, header := range []string{"Accept: text/html", "HX-Target: live"} {
			got := call(t, server, "GET", path, "", header)
			for _, bad := range []string{"<script>", "<img src=x"} {
				if strings.HasPrefix(got.Header.Get("Content-Type"), "text/html") && strings.Contains(got.Body, bad) {
					t.Errorf("%s: %s in\n%s", path, bad, got.Body)
				}
			}
		}
	}
}

func TestNothingRunsButOurOwn(t *testing.T) {
	server := serve(t, shop())
	outside := regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//`)
	inline := regexp.MustCompile(`<script(?: defer)?>|<style|\sstyle="|\son[a-z]+="|javascript:`)
	for _, path := range pages {
		got := call(t, server, "GET", path, "", "Accept: text/html")
		if m := outside.FindString(got.Body) + inline.FindString(got.Body); m != "" {
			t.Errorf("%s: %s", path, m)
		}
		csp := got.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'self';") || strings.Contains(csp, "unsafe") || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, got.Header)
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="(/console/assets/[^"]+)"`).FindAllStringSubmatch(got.Body, -1) {
			file := call(t, server, "GET", m[1], "")
			if file.Status != 200 || file.Header.Get("ETag") == "" {
				t.Errorf("%s: %d", m[1], file.Status)
			}
			if again := call(t, server, "GET", m[1], "", "If-None-Match: "+file.Header.Get("ETag")); again.Status != http.StatusNotModified {
				t.Errorf("%s again: %d", m[1], again.Status)
			}
		}
	}
}

func TestVendoredFilesHaveTheirLicences(t *testing.T) {
	for name, licence := range map[string]string{"htmx": "Zero-Clause BSD", "uPlot": "The MIT License"} {
		text, err := os.ReadFile(path.Join("console/vendor", name+".LICENSE"))
		if err != nil || !strings.Contains(string(text), licence) {
			t.Errorf("%s: %v", name, err)
		}
	}
	files, err := fs.Glob(os.DirFS("console/vendor"), "*.min.js")
	if err != nil || len(files) != 2 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestEventsPageTurns(t *testing.T) {
	r := shop()
	server := serve(t, r)
	page := func(path string) string { return call(t, server, "GET", path, "").Body }
	if body := page("/events?limit=3"); !strings.Contains(body, `id="older" href="/events?after=1&amp;limit=3"`) || strings.Contains(body, `id="newer"`) {
		t.Error(body)
	}
	if body := page("/events?limit=3&after=1"); !strings.Contains(body, `id="newer" href="/events?after=4&amp;limit=3"`) || !strings.Contains(body, `id="older" href="/events?after=0&amp;limit=3"`) {
		t.Error(body)
	}
	r.events = []evidence.Event{}
	if body := page("/events"); !strings.Contains(body, "No event yet") || strings.Contains(body, `id="older"`) {
		t.Error(body)
	}
}

// A real browser loads the page, polls it, draws the chart and breaks no policy.
func TestConsoleInChromium(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is needed: apt-get install chromium")
	}
	r := shop()
	history := admin.NewHistory(r)
	synctest.Test(t, func(t *testing.T) { // the browser's clock runs ahead of ours: it must find points
		for range 10 {
			history.Points(t.Context())
			time.Sleep(2 * time.Second)
		}
	})
	server := serveOptions(t, admin.Options{Service: r, Gatherer: prometheus.NewRegistry(), History: history})
	r.locked(func() { r.reads = 0 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var dom, log bytes.Buffer
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--enable-logging=stderr", "--virtual-time-budget=9000", "--dump-dom", server.URL+"/")
	cmd.Stdout, cmd.Stderr = &dom, &log
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	for _, want := range []string{
		`<canvas`,                          // uPlot drew
		`<button type="button" id="pause"`, // the script ran…
		`aria-live="polite">Phase shadow, epoch 3. Gate: fail.</p>`, // …and told what it saw after a poll
		`class="buttons">`, // and revealed the buttons
	} {
		if !strings.Contains(dom.String(), want) {
			t.Errorf("no %q in\n%s\n%s", want, dom.String(), log.String())
		}
	}
	if bad := regexp.MustCompile(`(?m)^.*(CONSOLE|Content Security Policy).*$`).FindString(log.String()); bad != "" {
		t.Error(bad)
	}
	r.locked(func() {
		if r.reads < 2+2*3 { // the page and each poll read the status twice; nine seconds hold four polls
			t.Errorf("the status was read only %d times", r.reads)
		}
	})
}
