//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// workers is the default of mirror.workers: the cap on connections to new. The probe of its health, a connection now and then
// on which nothing is asked, comes on top of it.
const workers, probes = 64, 1

// trouble is what is wrong with new.
type trouble struct {
	label    string
	fraction string
	delay    time.Duration
	hole     bool
}

var troubles = []trouble{
	{"mirroring off", "0%", 0, false},
	{"answers 2 s late", "100%", 2 * time.Second, false},
	{"black hole: accepts, never reads", "100%", 0, true},
}

// calm is one run with such a shadow: how the clients fared.
type calm struct {
	rate        float64 // answers a second
	p50, p99    time.Duration
	warm, most  int     // KiB of resident memory, after the warm-up and at most
	connections int     // to new, at most
	others      float64 // share of the two cores that went to other work
	accounts    string
}

// measureHang runs every trouble with every size, in turn, and writes the section.
func (b *bench) measureHang(w io.Writer) error {
	runs := b.runs
	if runs == 0 {
		runs = 3
	}
	fmt.Fprintf(w, "### A shadow that hangs\n\n")
	fmt.Fprintf(w, "%d requests/s for %v after 3 s that fill pools and queue, open loop (a latency counts from the moment at which the request was due); "+
		"medians of %d runs in turn. The cap on connections is `mirror.workers`, and one for the probe of new's health.\n\n", b.rate, b.hang, runs)
	for _, kib := range b.sizes {
		results := map[string][]calm{}
		for i := range runs {
			for _, t := range troubles {
				c, err := b.sampleHang(t, kib)
				if err != nil {
					return fmt.Errorf("%s, %d KiB: %w", t.label, kib, err)
				}
				fmt.Fprintf(os.Stderr, "%d/%d %5s %-34s %6.1f/s  p50 %4.0f µs  p99 %5.0f µs  RSS %5.1f, at most %5.1f MiB  %d connections  %s%s\n", i+1, runs,
					fmt.Sprint(kib, "KiB"), t.label, c.rate, micros(c.p50), micros(c.p99), mib(c.warm), mib(c.most), c.connections, c.accounts, disturbed(c))
				results[t.label] = append(results[t.label], c)
			}
		}
		reportHang(w, kib, results)
	}
	return nil
}

// sampleHang is one run.
func (b *bench) sampleHang(t trouble, kib int) (c calm, err error) {
	b.old.set(newResponse(kib<<10, false), 0, false)
	b.new.set(newResponse(kib<<10, false), t.delay, t.hole)
	r, err := b.launch(contender{name: paritygate, start: func(b *bench, dir, listen, admin string) (*process, error) {
		return b.startParitygate(dir, listen, admin, t.fraction)
	}})
	if err != nil {
		return c, err
	}
	defer r.end()
	g, err := newLoad(b.loop, r.listen, b.connections, kib<<10)
	if err != nil {
		return c, err
	}
	g.start(b.rate, b.hang+3*time.Second)
	time.Sleep(3 * time.Second)
	if c.warm, err = r.resident(); err != nil {
		return c, err
	}
	if err := c.watch(b, g, r.process); err != nil {
		return c, fmt.Errorf("%w\n%s", err, r.dump())
	}
	g.stop()
	c.connections = b.new.counts().mostOpen
	if t.fraction == "0%" {
		return c, nil
	}
	a, err := readAccounts(r.admin)
	if err != nil {
		return c, err
	}
	c.accounts = fmt.Sprintf("%d match, %d failed, %d skipped, %d pending", a.verdicts["match"], a.verdicts["failed"], a.verdicts["skipped"], a.pending)
	return c, nil
}

// watch measures what the clients see, and the memory, for a while.
func (c *calm) watch(b *bench, g *load, p *process) error {
	g.forget()
	before, err := g.counts()
	if err != nil {
		return err
	}
	used, err := b.used()
	if err != nil {
		return err
	}
	c.most = c.warm
	for end := time.Now().Add(b.hang); time.Now().Before(end); {
		time.Sleep(200 * time.Millisecond)
		now, err := p.resident()
		if err != nil {
			return err
		}
		c.most = max(c.most, now)
	}
	after, err := g.counts()
	if err != nil {
		return err
	}
	usedNow, err := b.used()
	if err != nil {
		return err
	}
	c.rate = float64(after.completed-before.completed) / after.at.Sub(before.at).Seconds()
	c.others = max(0, 2-(usedNow-used).Seconds()/after.at.Sub(before.at).Seconds()) / 2
	var all []int64
	g.loop.do(func() { all = slices.Clone(g.latencies) })
	if len(all) == 0 {
		return fmt.Errorf("no answer within %v", b.hang)
	}
	slices.Sort(all)
	c.p50, c.p99 = time.Duration(all[len(all)/2]), time.Duration(all[len(all)*99/100])
	return nil
}

func mib(kib int) float64 { return float64(kib) / 1024 }

// middle takes the median of each figure.
func middle(runs []calm) (m calm) {
	figure := func(f func(calm) float64) float64 {
		var all []float64
		for _, c := range runs {
			all = append(all, f(c))
		}
		return median(all)
	}
	m.rate = figure(func(c calm) float64 { return c.rate })
	m.p50 = time.Duration(figure(func(c calm) float64 { return float64(c.p50) }))
	m.p99 = time.Duration(figure(func(c calm) float64 { return float64(c.p99) }))
	m.warm = int(figure(func(c calm) float64 { return float64(c.warm) }))
	m.most = int(figure(func(c calm) float64 { return float64(c.most) }))
	for _, c := range runs { // a cap must hold in every run
		m.connections = max(m.connections, c.connections)
	}
	m.others = figure(func(c calm) float64 { return c.others })
	m.accounts = runs[len(runs)-1].accounts
	return m
}

// reportHang writes one size's table: what was measured, and what of it is more than with mirroring off.
func reportHang(w io.Writer, kib int, results map[string][]calm) {
	fmt.Fprintf(w, "| new, %d KiB | throughput | p50 | p99 | resident memory, at most | connections to new, at most |\n|---|---|---|---|---|---|\n", kib)
	off := middle(results[troubles[0].label])
	fmt.Fprintf(w, "| %s | %.1f/s | %.0f µs | %.0f µs | %.1f MiB | %d |\n", troubles[0].label, off.rate, micros(off.p50), micros(off.p99), mib(off.most), off.connections)
	var notes []string
	if text := disturbed(off); text != "" {
		notes = append(notes, "- "+troubles[0].label+text)
	}
	for _, t := range troubles[1:] {
		c := middle(results[t.label])
		fmt.Fprintf(w, "| %s | %.1f/s | %.0f µs | %.0f µs | %.1f MiB | %d |\n", t.label, c.rate, micros(c.p50), micros(c.p99), mib(c.most), c.connections)
		fmt.Fprintf(w, "| more | %.3f×, %s | %+.0f µs, %s | %+.0f µs, %s | %+.1f MiB, %s | %s |\n",
			c.rate/off.rate, limit("≥ 0.99×", c.rate/off.rate >= 0.99),
			micros(c.p50-off.p50), limit("≤ +10", c.p50-off.p50 <= 10*time.Microsecond),
			micros(c.p99-off.p99), limit("≤ +200", c.p99-off.p99 <= 200*time.Microsecond),
			mib(c.most-off.most), limit("≤ +24", mib(c.most-off.most) <= 24), limit(fmt.Sprintf("≤ %d + %d", workers, probes), c.connections <= workers+probes))
		notes = append(notes, fmt.Sprintf("- %s: %s in the last run%s", t.label, c.accounts, disturbed(c)))
	}
	fmt.Fprintf(w, "\n%s\n\n", strings.Join(notes, "\n"))
}

func limit(text string, kept bool) string {
	if kept {
		return text + ": **pass**"
	}
	return text + ": **fail**"
}

// used is the time of both cores that this program and its children have used, or nobody has.
func (b *bench) used() (time.Duration, error) {
	ours, err := cpuTime(os.Getpid())
	return ours + idleTime(b.proxyCore) + idleTime(b.loadCore), err
}

// disturbed says how much of the machine went to other work, if it was enough to matter to a p99.
func disturbed(c calm) string {
	if c.others < 0.03 {
		return ""
	}
	return fmt.Sprintf("; disturbed: other work took %.0f %% of the two cores", 100*c.others)
}
