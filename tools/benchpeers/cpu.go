//go:build linux

package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// enough is the least share of the exchanges that must have been mirrored, and compared, for a run to count.
const enough = 0.98

// sample is one run of one contender.
type sample struct {
	perRequest  time.Duration // CPU time of the proxy
	rate        float64       // requests a second
	busy        float64       // share of its core that the proxy used
	idle        float64       // share of its core that nobody used
	connections float64       // opened to new for each request that it got
	accounts    string        // what paritygate says of the exchanges
	fault       string        // why the run does not count
}

// cell is one contender at one size.
type cell struct {
	contender string
	kib       int
}

// measureCPU runs every contender with every size, in turn, and writes the section.
func (b *bench) measureCPU(w io.Writer) error {
	runs := b.runs
	if runs == 0 {
		runs = 5
	}
	samples := map[cell][]sample{}
	for i := range runs {
		for _, kib := range b.sizes {
			for _, c := range b.chosen() {
				s, err := b.sampleCPU(c, kib, i)
				if err != nil {
					return fmt.Errorf("%s, %d KiB: %w", c.name, kib, err)
				}
				fmt.Fprintf(os.Stderr, "%d/%d %5s %-18s %6.1f µs/request  %6.0f/s  core %3.0f %%, idle %2.0f %%  %s %s\n", i+1, runs, fmt.Sprint(kib, "KiB"),
					c.name, micros(s.perRequest), s.rate, s.busy*100, s.idle*100, s.accounts, s.fault)
				samples[cell{c.name, kib}] = append(samples[cell{c.name, kib}], s)
			}
		}
	}
	b.reportCPU(w, samples, runs)
	return nil
}

// sampleCPU is one run.
func (b *bench) sampleCPU(c contender, kib, number int) (s sample, err error) {
	b.old.set(newResponse(kib<<10, c.ids), 0, false)
	b.new.set(newResponse(kib<<10, c.ids), 0, false)
	r, err := b.launch(c)
	if err != nil {
		return s, err
	}
	defer r.end()
	g, err := newLoad(b.loop, r.listen, b.connections, kib<<10)
	if err != nil {
		return s, err
	}
	g.start(0, 0)
	time.Sleep(b.warmup)
	profiled, err := b.profile(r.process, fmt.Sprintf("%s-%dKiB-%d", c.name, kib, number+1))
	if err != nil {
		return s, err
	}
	if err := s.watch(g, r.process, b.proxyCore, b.duration); err != nil {
		return s, fmt.Errorf("%w\n%s", err, r.dump())
	}
	g.stop()
	profiled()
	return s, b.audit(&s, c, r)
}

// watch measures what goes on for a while.
func (s *sample) watch(g *load, p *process, core int, d time.Duration) error {
	before, err := g.counts()
	if err != nil {
		return err
	}
	idle := idleTime(core)
	cpuBefore, err := p.cpuTime()
	if err != nil {
		return err
	}
	time.Sleep(d)
	after, err := g.counts()
	if err != nil {
		return err
	}
	cpuAfter, err := p.cpuTime()
	if err != nil {
		return err
	}
	n, took, cpu := after.completed-before.completed, after.at.Sub(before.at), cpuAfter-cpuBefore
	if n == 0 {
		return fmt.Errorf("no answer within %v", d)
	}
	s.perRequest, s.rate, s.busy = cpu/time.Duration(n), float64(n)/took.Seconds(), cpu.Seconds()/took.Seconds()
	s.idle = (idleTime(core) - idle).Seconds() / took.Seconds()
	return nil
}

// audit sees that the mirror did its work.
func (b *bench) audit(s *sample, c contender, r *running) error {
	if strings.HasPrefix(c.name, paritygate) && c.mirrors {
		a, err := settledAccounts(r.admin)
		if err != nil {
			return err
		}
		var parts []string
		for _, verdict := range slices.Sorted(maps.Keys(a.verdicts)) {
			parts = append(parts, fmt.Sprintf("%s %.2f %%", verdict, 100*a.share(verdict)))
		}
		s.accounts = strings.Join(parts, ", ")
		wanted := "match"
		if c.ids {
			wanted = "tolerated"
		}
		if a.share(wanted) < enough {
			s.fault = fmt.Sprintf("INVALID: less than %.0f %% %s", 100*enough, wanted)
		}
	}
	old, mirrored := b.old.counts(), b.new.counts()
	share := float64(mirrored.requests) / float64(max(old.requests, 1))
	switch {
	case c.mirrors && share < enough:
		s.fault += fmt.Sprintf(" INVALID: %.1f %% of the requests were mirrored", 100*share)
	case !c.mirrors && mirrored.requests > 0:
		s.fault += " INVALID: new was asked"
	}
	s.connections = float64(mirrored.accepted) / float64(max(mirrored.requests, 1))
	return nil
}

// profile has perf watch the process until the returned function is called.
func (b *bench) profile(p *process, name string) (stop func(), err error) {
	if b.profiles == "" || !strings.HasPrefix(name, paritygate) {
		return func() {}, nil
	}
	if err := os.MkdirAll(b.profiles, 0o750); err != nil {
		return nil, err
	}
	file := filepath.Join(b.profiles, name+".data")

	perf := exec.Command("perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-g", "-o", file, "-p", fmt.Sprint(p.cmd.Process.Pid))
	perf.Stderr = os.Stderr
	if err := perf.Start(); err != nil {
		return nil, fmt.Errorf("-cpuprofile-dir needs perf: %w", err)
	}
	return func() {
		_ = perf.Process.Signal(os.Interrupt)
		_ = perf.Wait()
		fmt.Fprintf(os.Stderr, "profile: perf report --no-children -g none -i %s\n", file)
	}, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
