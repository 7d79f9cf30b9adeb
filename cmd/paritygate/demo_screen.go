package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// demoWidth is how many columns the demo writes at most.
const demoWidth = 96

// screen writes the demo's story in plain lines. Colour is for terminals alone.
type screen struct {
	out    io.Writer
	colour bool
	began  time.Time
	act    int
}

func newScreen(sys system) *screen {
	_, plain := sys.lookup("NO_COLOR")
	return &screen{out: sys.out, colour: !plain && isTerminal(sys.out), began: time.Now()}
}

func (s *screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) title(text string) { fmt.Fprintf(s.out, "\n%s\n\n", s.paint("1", text)) }

// heading begins the next act.
func (s *screen) heading(text string) {
	s.act++
	fmt.Fprintf(s.out, "\n%s\n", s.paint("1;36", fmt.Sprintf("%d. %s", s.act, text)))
}

// say writes a paragraph.
func (s *screen) say(format string, args ...any) {
	s.wrapped("   ", "   ", fmt.Sprintf(format, args...))
}

// blank leaves a line free.
func (s *screen) blank() { fmt.Fprintln(s.out) }

// step writes a line with the seconds since the beginning.
func (s *screen) step(format string, args ...any) {
	s.wrapped(fmt.Sprintf("   %3.0f s  ", time.Since(s.began).Seconds()), "          ", fmt.Sprintf(format, args...))
}

// good and bad write a finding.
func (s *screen) good(format string, args ...any) { s.mark("32", "ok", format, args) }
func (s *screen) bad(format string, args ...any)  { s.mark("31", "!!", format, args) }

func (s *screen) mark(code, sign, format string, args []any) {
	s.wrapped("      "+s.paint(code, sign)+"  ", "          ", fmt.Sprintf(format, args...))
}

// detail writes what belongs to the line before.
func (s *screen) detail(format string, args ...any) {
	s.wrapped("          ", "            ", fmt.Sprintf(format, args...))
}

// line writes a line as it is, where its columns are part of it.
func (s *screen) line(text string) { fmt.Fprintln(s.out, "          "+text) }

// facts writes names and what they stand for, aligned.
func (s *screen) facts(pairs ...string) {
	width := 0
	for i := 0; i < len(pairs); i += 2 {
		width = max(width, utf8.RuneCountInString(pairs[i]))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		first := "   " + pairs[i] + strings.Repeat(" ", width-utf8.RuneCountInString(pairs[i])) + "  "
		s.wrapped(first, strings.Repeat(" ", width+5), pairs[i+1])
	}
}

// trouble says what went wrong, with the end of the program's log.
func (s *screen) trouble(err error, log []string) {
	fmt.Fprintf(s.out, "\n%s\n", s.paint("1;31", "The demo stops here: "+err.Error()))
	for _, line := range log {
		fmt.Fprintln(s.out, "   log: "+line)
	}
}

// wrapped writes words in lines of demoWidth columns, the first one after first, the others after rest.
func (s *screen) wrapped(first, rest, text string) {
	line, used := first, len(rest)
	empty := true
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if !empty && used+1+n > demoWidth {
			fmt.Fprintln(s.out, line)
			line, used, empty = rest, len(rest), true
		}
		if !empty {
			line += " "
			used++
		}
		line += word
		used += n
		empty = false
	}
	fmt.Fprintln(s.out, line)
}

// number writes 12345 as 12,345.
func number[T int | int64](n T) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// times writes how often something happened.
func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return number(n) + " times"
}

// span writes a duration as people read it.
func span(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
