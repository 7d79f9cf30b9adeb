package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// printer writes lines and aligned tables for people.
type printer struct {
	out io.Writer
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
	people(&printer{o.sys.out})
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

// shortened cuts text to n runes.
func shortened(text string, n int) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}
