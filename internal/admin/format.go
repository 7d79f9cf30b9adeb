package admin

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"paritygate/compare"
	"paritygate/internal/cutover"
)

// nbsp keeps a figure and its unit on one line.
const nbsp = "\u00a0"

// templateFuncs write figures as people read them.
var templateFuncs = template.FuncMap{
	"percent":   percent,
	"count":     count,
	"size":      Size,
	"span":      span,
	"seconds":   func(s float64) string { return span(time.Duration(s * float64(time.Second))) },
	"latency":   latency,
	"slower":    slower,
	"utc":       func(t time.Time) string { return t.Format("2006-01-02 15:04:05") },
	"rfc3339":   func(t time.Time) string { return t.Format(time.RFC3339) },
	"ago":       func(now, t time.Time) string { return span(now.Sub(t)) },
	"words":     func(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") },
	"sentence":  sentence,
	"prose":     prose,
	"compared":  func(r Route) bool { return r.Compared() > 0 },
	"shares":    shares,
	"reasons":   reasons,
	"alike":     alike,
	"list":      func(items ...string) []string { return items },
	"mainPart":  shorten,
	"chance":    Share,
	"took":      took,
	"diffLines": diffLines,
	"deref":     func(f *float64) float64 { return *f },
	"moment":    func(t *time.Time) time.Time { return *t },
}

// TemplateFuncs are the functions by which the console writes figures, for other pages.
func TemplateFuncs() template.FuncMap { return maps.Clone(templateFuncs) }

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
	return strconv.FormatFloat(p, 'f', digits, 64) + nbsp + "%"
}

// reasons lists why exchanges were skipped, the most frequent first.
func reasons(skipped map[compare.Reason]int64) string {
	names := slices.SortedFunc(maps.Keys(skipped), func(a, b compare.Reason) int {
		return cmp.Or(cmp.Compare(skipped[b], skipped[a]), cmp.Compare(a, b))
	})
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = strings.ReplaceAll(string(name), "_", " ") + nbsp + count(skipped[name])
	}
	return strings.Join(parts, ", ")
}

// sentence gives a phrase its capital and its full stop.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[size:], ".") + "."
}

// manyPlaces is how many places of a group are shown.
const manyPlaces = 6

// grouped is where the exchanges of a group differ, in short.
type grouped struct {
	Places []Place
	// More counts the places that are not shown.
	More int
}

// alike cuts a long list of places off.
func alike(places []Place) grouped {
	distinct := DistinctPlaces(places)
	shown := min(len(distinct), manyPlaces)
	return grouped{Places: distinct[:shown], More: len(distinct) - shown}
}

// DistinctPlaces takes the elements of an array together, as the signature of a group does: `$.items[3].id` and
// `$.items[4].id` become one `$.items[*].id`.
func DistinctPlaces(places []Place) []Place {
	var distinct []Place
	for _, p := range places {
		p.Path = elements.ReplaceAllString(p.Path, "[*]")
		if !slices.Contains(distinct, p) {
			distinct = append(distinct, p)
		}
	}
	return distinct
}

// elements are the indexes in a path; a name in brackets is quoted.
var elements = regexp.MustCompile(`\[[0-9]+\]`)

// prose sets what stands between backticks, such as a command, as code.
func prose(text string) template.HTML {
	var b strings.Builder
	parts := strings.Split(text, "`")
	for i, part := range parts {
		escaped := template.HTMLEscapeString(part)
		switch {
		case i%2 == 0:
			b.WriteString(escaped)
		case i == len(parts)-1: // one that nothing closes is a backtick
			b.WriteString("`" + escaped)
		default:
			b.WriteString("<code>" + escaped + "</code>")
		}
	}
	return template.HTML(b.String()) //nolint:gosec // every part was escaped above
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

// Size writes a number of bytes.
func Size(n int64) string {
	value, unit := float64(n), "bytes"
	for _, larger := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, larger
	}
	return fmt.Sprintf("%.4g %s", value, unit)
}

// span writes a duration in its two largest units, the smaller only where there is one.
func span(d time.Duration) string {
	s := int64(max(d, 0).Seconds())
	switch {
	case s < 60:
		return units(s, "s", 0, "")
	case s < 3600:
		return units(s/60, "min", s%60, "s")
	case s <= 48*3600:
		return units(s/3600, "h", s%3600/60, "min")
	}
	return units(s/86400, "d", s%86400/3600, "h")
}

func units(large int64, name string, small int64, smallName string) string {
	if small == 0 {
		return fmt.Sprintf("%d%s%s", large, nbsp, name)
	}
	return fmt.Sprintf("%d%s%s %d%s%s", large, nbsp, name, small, nbsp, smallName)
}

// latency writes seconds as milliseconds, or a dash where nothing was measured.
func latency(seconds float64) string {
	ms := seconds * 1000
	switch {
	case ms <= 0:
		return "–"
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 1, 64) + nbsp + "ms"
	case ms < 10000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + nbsp + "ms"
	}
	return strconv.FormatFloat(seconds, 'f', 1, 64) + nbsp + "s"
}

// took writes how long a step took of what it may.
func took(s cutover.Step) string {
	text := func(seconds float64) string {
		if seconds >= 60 {
			return span(time.Duration(seconds * float64(time.Second)))
		}
		return strconv.FormatFloat(math.Round(100*seconds)/100, 'f', -1, 64) + nbsp + "s"
	}
	if s.Limit > 0 {
		return text(s.Seconds) + " of " + text(s.Limit)
	}
	return text(s.Seconds)
}

// diffLine is a line of a unified diff. Class is `old` or `new` for one that is on that side alone.
type diffLine struct{ Class, Text string }

func diffLines(diff string) []diffLine {
	var lines []diffLine
	for line := range strings.Lines(diff) {
		class := ""
		switch {
		case strings.HasPrefix(line, "-"):
			class = "old"
		case strings.HasPrefix(line, "+"):
			class = "new"
		}
		lines = append(lines, diffLine{class, strings.TrimRight(line, "\r\n")})
	}
	return lines
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
