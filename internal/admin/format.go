package admin

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"paritygate/compare"
)

// templateFuncs write figures as people read them.
var templateFuncs = template.FuncMap{
	"percent":  percent,
	"count":    count,
	"span":     span,
	"seconds":  func(s float64) string { return span(time.Duration(s * float64(time.Second))) },
	"latency":  latency,
	"slower":   slower,
	"utc":      func(t time.Time) string { return t.Format("2006-01-02 15:04:05") },
	"rfc3339":  func(t time.Time) string { return t.Format(time.RFC3339) },
	"ago":      func(now, t time.Time) string { return span(now.Sub(t)) },
	"words":    func(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") },
	"shares":   shares,
	"list":     func(items ...string) []string { return items },
	"mainPart": shorten,
	"deref":    func(f *float64) float64 { return *f },
	"moment":   func(t *time.Time) time.Time { return *t },
}

// percent writes a ratio with as many digits as say something.
func percent(ratio float64) string {
	p := ratio * 100
	digits := 2
	switch {
	case p == math.Trunc(p):
		digits = 0
	case p >= 10:
		digits = 1
	case p < 0.1:
		digits = 3
	}
	return strconv.FormatFloat(p, 'f', digits, 64) + " %"
}

// count writes a number in groups of three digits.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return sign + b.String()
}

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	d = max(d, 0)
	s := int64(d.Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s%86400/3600)
}

// latency writes seconds as milliseconds, or a dash where nothing was measured.
func latency(seconds float64) string {
	ms := seconds * 1000
	switch {
	case ms <= 0:
		return "–"
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms < 10000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(seconds, 'f', 1, 64) + " s"
}

// slower says how many times the old latency the new one is; empty where either is missing.
func slower(old, new float64) string {
	if old <= 0 || new <= 0 {
		return ""
	}
	return strconv.FormatFloat(new/old, 'f', 1, 64) + "×"
}

// share is a part of a bar that is 100 wide.
type share struct {
	Name     compare.Verdict
	Count    int64
	At, Wide float64
}

// shares divides a bar among the verdicts. What is there at all is wide enough to be seen.
func shares(r Route) []share {
	const least = 1.5
	if r.Eligible == 0 {
		return nil
	}
	var out []share
	total := 0.0
	for _, v := range compare.Verdicts {
		if n := r.Verdicts[v]; n > 0 {
			wide := max(least, 100*float64(n)/float64(r.Eligible))
			out = append(out, share{Name: v, Count: n, Wide: wide})
			total += wide
		}
	}
	at := 0.0
	for i := range out {
		out[i].Wide *= 100 / total
		out[i].At = at
		at += out[i].Wide
	}
	return out
}
