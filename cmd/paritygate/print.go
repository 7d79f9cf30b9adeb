package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// printer writes lines and aligned tables for people.
type printer struct {
	out    io.Writer
	width  int // of the terminal; 0 where there is none, and lines may be as long as they like
	colour bool
}

// newPrinter writes to what the program's output is.
func newPrinter(sys system) *printer {
	p := &printer{out: sys.out, width: widthOf(sys.out)}
	_, plain := sys.lookup("NO_COLOR")
	p.colour = !plain && isTerminal(sys.out)
	return p
}

// paint gives text a colour on terminals.
func (p *printer) paint(code, text string) string {
	if !p.colour || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// wrapped writes words after a beginning, in lines of the terminal's width.
func (p *printer) wrapped(first, text string) {
	line, empty := first, true
	for _, word := range strings.Fields(text) {
		if !empty && p.width > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > p.width {
			p.line(line)
			line, empty = "  ", true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	p.line(line)
}

func (p *printer) line(text string) { fmt.Fprintln(p.out, text) }

func (p *printer) linef(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

// table prints a header and rows, aligned.
func (p *printer) table(header []string, rows [][]string) {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // a terminal that is gone is not told so
}

// print writes the value as JSON, or lets people write it for people.
func (o *options) print(value any, people func(*printer)) error {
	if o.output == "json" {
		enc := json.NewEncoder(o.sys.out)
		enc.SetIndent("", "  ")
		return enc.Encode(value)
	}
	people(newPrinter(o.sys))
	return nil
}

// watchEvery is how often --watch asks again.
const watchEvery = 2 * time.Second

// watching runs show once, or with --watch until it is interrupted.
func (o *options) watching(ctx context.Context, watch bool, show func(context.Context) error) error {
	for {
		if watch && o.output == "table" && isTerminal(o.sys.out) {
			fmt.Fprint(o.sys.out, "\x1b[H\x1b[2J")
		}
		err := show(ctx)
		if err != nil || !watch {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
		}
	}
}

func isTerminal(stream any) bool {
	f, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// widthOf is how many columns a terminal has; 0 for what is none.
func widthOf(stream any) int {
	f, ok := stream.(interface{ Fd() uintptr })
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

func percent(ratio float64) string { return fmt.Sprintf("%.4g%%", 100*ratio) }

func latency(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return time.Duration(seconds * float64(time.Second)).Round(100 * time.Microsecond).String()
}

func instant(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// visible writes characters that would move the cursor, or worse, as escapes: what databases hold is shown on terminals.
func visible(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// cut shortens text to n runes, and leaves the blanks in it as they are.
func cut(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}

// shortened cuts text to n runes.
func shortened(text string, n int) string {
	return cut(strings.Join(strings.Fields(text), " "), n)
}
