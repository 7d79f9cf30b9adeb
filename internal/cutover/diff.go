package cutover

import (
	"fmt"
	"slices"
	"strings"
)

const (
	diffContext = 3        // lines around an edit
	maxDiff     = 16 << 10 // bytes
	maxLCS      = 4 << 20  // cells of the table; beyond it the lines between the first and the last edit are shown as replaced
)

// line of a diff: op is ' ' where both texts have it, '-' where the one before alone does, '+' where the one after does.
type line struct {
	op   byte
	text string
}

// unified returns what was edited from one text to another as a unified diff without file names; empty if nothing was. What is
// beyond maxDiff is left out, and the last line says how much that is.
func unified(before, after string) string {
	script := compareLines(splitLines(before), splitLines(after))
	var b strings.Builder
	left := 0
	for _, hunk := range hunks(script) {
		text := hunkText(script, hunk)
		for _, l := range strings.SplitAfter(text, "\n") {
			if left > 0 || b.Len()+len(l) > maxDiff {
				left++
				continue
			}
			b.WriteString(l)
		}
	}
	if left > 0 {
		fmt.Fprintf(&b, "… and %d more lines\n", left)
	}
	return b.String()
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// compareLines aligns the lines by their longest common subsequence.
func compareLines(a, b []string) []line {
	var script, tail []line
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		script, a, b = append(script, line{' ', a[0]}), a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail, a, b = append(tail, line{' ', a[len(a)-1]}), a[:len(a)-1], b[:len(b)-1]
	}
	slices.Reverse(tail)
	return append(append(script, middle(a, b)...), tail...)
}

// middle aligns what is left between the first and the last edit. Where there is a choice, what was removed comes first.
func middle(a, b []string) []line {
	var script []line
	width := len(b) + 1
	if (len(a)+1)*width <= maxLCS {
		common := make([]int32, (len(a)+1)*width) // of a[i:] and b[j:]
		for i := len(a) - 1; i >= 0; i-- {
			for j := len(b) - 1; j >= 0; j-- {
				common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
				if a[i] == b[j] {
					common[i*width+j] = common[(i+1)*width+j+1] + 1
				}
			}
		}
		i, j := 0, 0
		for i < len(a) && j < len(b) {
			switch {
			case a[i] == b[j]:
				script = append(script, line{' ', a[i]})
				i, j = i+1, j+1
			case common[(i+1)*width+j] >= common[i*width+j+1]:
				script = append(script, line{'-', a[i]})
				i++
			default:
				script = append(script, line{'+', b[j]})
				j++
			}
		}
		a, b = a[i:], b[j:]
	}
	for _, text := range a {
		script = append(script, line{'-', text})
	}
	for _, text := range b {
		script = append(script, line{'+', text})
	}
	return script
}

// hunks are the ranges of the script that are shown: each edit with its context, those that touch as one.
func hunks(script []line) [][2]int {
	var out [][2]int
	for i, l := range script {
		if l.op == ' ' {
			continue
		}
		from, to := max(i-diffContext, 0), min(i+diffContext+1, len(script))
		if n := len(out); n > 0 && from <= out[n-1][1] {
			out[n-1][1] = to
			continue
		}
		out = append(out, [2]int{from, to})
	}
	return out
}

func hunkText(script []line, hunk [2]int) string {
	count := func(lines []line, not byte) (n int) {
		for _, l := range lines {
			if l.op != not {
				n++
			}
		}
		return n
	}
	before, shown := script[:hunk[0]], script[hunk[0]:hunk[1]]
	var b strings.Builder
	fmt.Fprintf(&b, "@@ -%s +%s @@\n", span(count(before, '+'), count(shown, '+')), span(count(before, '-'), count(shown, '-')))
	for _, l := range shown {
		b.WriteByte(l.op)
		b.WriteString(l.text)
		b.WriteByte('\n')
	}
	return b.String()
}

// span writes a range as diff does: that of no lines names the line before it.
func span(before, n int) string {
	switch n {
	case 0:
		return fmt.Sprintf("%d,0", before)
	case 1:
		return fmt.Sprint(before + 1)
	}
	return fmt.Sprintf("%d,%d", before+1, n)
}
