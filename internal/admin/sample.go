package admin

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"paritygate/compare"
	"paritygate/internal/evidence"
)

// mark says what a row of the side-by-side view is.
type mark string

// The marks of a row.
const (
	same     mark = "same"     // both sides say the same
	differs  mark = "differs"  // counts against parity
	forgiven mark = "forgiven" // differs, but a rule or the comparison allows it
	skipped  mark = "skipped"  // stands for rows that are left out
)

// sampleData is one mismatch, laid out side by side.
type sampleData struct {
	Mismatch
	Rows     []headerRow
	Body     []bodyRow
	BodyNote string
	Old, New side
}

// side is what is said above one column.
type side struct {
	Status   int
	Text     string
	Error    string
	Note     string
	Duration time.Duration
}

// headerRow is a header of both answers.
type headerRow struct {
	Name, Old, New string
	Mark           mark
}

// bodyRow is one line of both bodies.
type bodyRow struct {
	Old, New string
	Mark     mark
	// Count is how many rows a skipped one stands for.
	Count int
}

func newSampleData(s evidence.Sample) sampleData {
	d := sampleData{
		Mismatch: viewSample(s),
		Rows:     headerRows(s),
		Old:      newSide(s.Old),
		New:      newSide(s.New),
	}
	switch {
	case len(s.Old.Body) == 0 && len(s.New.Body) == 0:
		d.BodyNote = "Neither answer has a body."
	case !utf8.Valid(s.Old.Body) || !utf8.Valid(s.New.Body):
		d.BodyNote = fmt.Sprintf("The bodies are not text: %d bytes from old, %d from new.", len(s.Old.Body), len(s.New.Body))
	default:
		d.Body = bodyRows(s)
	}
	return d
}

func newSide(l evidence.Leg) side {
	return side{Status: l.Status, Text: http.StatusText(l.Status), Error: l.Error, Note: l.Note, Duration: l.Duration}
}

// headerRows lists the headers of both answers, those that count first.
func headerRows(s evidence.Sample) []headerRow {
	counts := map[string]bool{}
	for _, d := range s.Differences {
		if d.Location == compare.InHeader {
			counts[strings.ToLower(d.Path)] = true
		}
	}
	old, new := lowerKeys(s.Old.Header), lowerKeys(s.New.Header)
	names := maps.Clone(old)
	maps.Copy(names, new)
	var rows []headerRow
	for _, name := range slices.Sorted(maps.Keys(names)) {
		row := headerRow{Name: name, Old: old[name], New: new[name], Mark: same}
		switch {
		case counts[name]:
			row.Mark = differs
		case row.Old != row.New:
			row.Mark = forgiven
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b headerRow) int { return rank(a.Mark) - rank(b.Mark) })
	return rows
}

func rank(m mark) int { return slices.Index([]mark{differs, forgiven, same}, m) }

func lowerKeys(header map[string][]string) map[string]string {
	out := make(map[string]string, len(header))
	for name, values := range header {
		out[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return out
}

// bodyRows aligns two text bodies, marks what differs and leaves out long stretches that do not.
func bodyRows(s evidence.Sample) []bodyRow {
	var paths []string
	for _, d := range s.Differences {
		if d.Location == compare.InBody {
			paths = append(paths, d.Path)
		}
	}
	old, oldJSON := outline(s.Old.Body)
	new, newJSON := outline(s.New.Body)
	if oldJSON != newJSON { // one is garbage: then lines are all that can be compared
		old, new = textLines(s.Old.Body), textLines(s.New.Body)
	} else if newJSON {
		new = arrange(old, new)
	}
	pairs := align(old, new)
	if !oldJSON || !newJSON {
		pairs = zipGaps(pairs)
	}
	rows := make([]bodyRow, len(pairs))
	for i, p := range pairs {
		rows[i] = bodyRow{Old: p.old.String(), New: p.new.String(), Mark: p.mark(paths)}
	}
	return fold(rows)
}

// pair is a line of old and its counterpart of new; either may be nil.
type pair struct{ old, new *line }

// mark judges a pair by the paths of the differences that count.
func (p pair) mark(paths []string) mark {
	if p.old != nil && p.new != nil && p.old.text == p.new.text {
		return same
	}
	either := p.old
	if either == nil {
		either = p.new
	}
	if either.path == "" && len(paths) > 0 {
		return differs // text: a line has no path
	}
	for _, path := range paths {
		if within(either.path, path) {
			return differs
		}
	}
	return forgiven
}

// within reports whether a place is the other or lies in it.
func within(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// fold replaces long stretches of equal rows, but for a few around each difference.
func fold(rows []bodyRow) []bodyRow {
	const around = 3
	keep := make([]bool, len(rows))
	for i, r := range rows {
		if r.Mark != same {
			for j := max(0, i-around); j <= min(len(rows)-1, i+around); j++ {
				keep[j] = true
			}
		}
	}
	var out []bodyRow
	for i := 0; i < len(rows); {
		n := 0
		for i+n < len(rows) && !keep[i+n] {
			n++
		}
		if n > 2 {
			out = append(out, bodyRow{Mark: skipped, Count: n})
			i += n
			continue
		}
		end := min(len(rows), i+max(n, 1))
		out = append(out, rows[i:end]...)
		i = end
	}
	return out
}
