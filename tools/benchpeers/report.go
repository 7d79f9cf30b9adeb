//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// claim is a number that the project holds itself to: the left contender's CPU time against the right one's, by size.
type claim struct {
	text        string
	left, right string
	difference  bool              // µs more, not a ratio
	most        map[int][]float64 // by KiB: the limit, and the stretch if there is one
}

var claims = []claim{
	{"of nginx with `mirror`, which compares nothing", "paritygate-mirror", "nginx-mirror", false, map[int][]float64{1: {0.42, 0.33}, 32: {0.60, 0.48}}},
	{"of nginx that mirrors nothing", "paritygate-mirror", "nginx-plain", false, map[int][]float64{1: {2.0}, 32: {2.2}}},
	{"of the naive mirror of the standard library", "paritygate-mirror", "stdlib-mirror", false, map[int][]float64{1: {0.46}, 32: {0.28}}},
	{"more than paritygate that mirrors nothing", "paritygate-mirror", "paritygate-plain", true, map[int][]float64{1: {10}, 32: {14}}},
	{"by meaning: of nginx with `mirror`", "paritygate-meaning", "nginx-mirror", false, nil},
	{"by meaning: of the naive mirror, which compares bytes", "paritygate-meaning", "stdlib-mirror", false, nil},
	{"by meaning: more than paritygate that mirrors nothing", "paritygate-meaning", "paritygate-plain", true, nil},
}

// reportCPU writes the section on the CPU time.
func (b *bench) reportCPU(w io.Writer, samples map[cell][]sample, runs int) {
	fmt.Fprintf(w, "### CPU time of the proxy for each request\n\n")
	fmt.Fprintf(w, "%d keep-alive connections, the proxy's core saturated; medians of %d runs of %v, in turn, with the least and the most of "+
		"them, and the requests a second of the median run.\n\n", b.connections, runs, b.duration)
	fmt.Fprintf(w, "| proxy |%s\n|---|%s\n", b.eachSize(" %d KiB | requests/s |"), b.eachSize("---|---|"))
	var notes []string
	for _, c := range b.chosen() {
		fmt.Fprintf(w, "| %s |", c.label)
		for _, kib := range b.sizes {
			all := samples[cell{c.name, kib}]
			slices.SortFunc(all, func(x, y sample) int { return int(x.perRequest - y.perRequest) })
			middle := all[len(all)/2]
			fmt.Fprintf(w, " %.1f µs (%.1f–%.1f) | %.0f |", micros(middle.perRequest), micros(all[0].perRequest), micros(all[len(all)-1].perRequest), middle.rate)
			notes = append(notes, remarks(c, kib, middle, all)...)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\n| paritygate mirroring and comparing costs |%s\n|---|%s\n", b.eachSize(" %d KiB | |"), b.eachSize("---|---|"))
	for _, c := range claims {
		if line, ok := c.row(b.sizes, samples); ok {
			fmt.Fprintln(w, line)
		}
	}
	fmt.Fprintf(w, "\n%s\n\n", strings.Join(notes, "\n"))
}

// eachSize repeats a format for each size.
func (b *bench) eachSize(format string) (s string) {
	for _, kib := range b.sizes {
		if strings.Contains(format, "%") {
			s += fmt.Sprintf(format, kib)
		} else {
			s += format
		}
	}
	return s
}

// remarks says what a reader of the median must know.
func remarks(c contender, kib int, middle sample, all []sample) (notes []string) {
	note := func(format string, args ...any) {
		notes = append(notes, fmt.Sprintf("- %s, %d KiB: ", c.name, kib)+fmt.Sprintf(format, args...))
	}
	for _, s := range all {
		if s.fault != "" {
			note("a run does not count: %s", strings.TrimSpace(s.fault))
		}
	}
	if middle.accounts != "" {
		note("accounts: %s", middle.accounts)
	}
	if c.mirrors && middle.connections > 0.5 {
		note("%.2f connections opened to new for each mirrored request", middle.connections)
	}
	if middle.idle > 0.05 {
		note("not saturated: its core was idle for %.0f %% of the time", 100*middle.idle)
	}
	if other := 1 - middle.idle - middle.busy; other > 0.05 {
		note("others used its core for %.0f %% of the time", 100*other)
	}
	return notes
}

// row is the claim's line of the table, if both sides were measured.
func (c claim) row(sizes []int, samples map[cell][]sample) (string, bool) {
	line := "| "
	if c.difference {
		line += c.text + " |"
	} else {
		line += "× " + c.text + " |"
	}
	for _, kib := range sizes {
		left, right := medianCPU(samples[cell{c.left, kib}]), medianCPU(samples[cell{c.right, kib}])
		if left == 0 || right == 0 {
			return "", false
		}
		value, unit := float64(left)/float64(right), "%.2f"
		if c.difference {
			value, unit = micros(left-right), "%.1f µs"
		}
		line += fmt.Sprintf(" "+unit+" | %s |", value, judge(value, unit, c.most[kib]))
	}
	return line, true
}

// judge says whether a value keeps its limits.
func judge(value float64, unit string, most []float64) string {
	if len(most) == 0 {
		return ""
	}
	verdict := "fail"
	if value <= most[0] {
		verdict = "pass"
	}
	text := fmt.Sprintf("≤ "+unit+": **%s**", most[0], verdict)
	if len(most) > 1 {
		verdict = "not reached"
		if value <= most[1] {
			verdict = "reached"
		}
		text += fmt.Sprintf("; stretch "+unit+": %s", most[1], verdict)
	}
	return text
}

func medianCPU(samples []sample) time.Duration {
	var all []time.Duration
	for _, s := range samples {
		all = append(all, s.perRequest)
	}
	if len(all) == 0 {
		return 0
	}
	return median(all)
}
