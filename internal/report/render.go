package report

import (
	"bytes"
	_ "embed" // for the templates
	"encoding/json"
	"fmt"
	html "html/template"
	"io"
	"strings"
	"text/template"

	"paritygate/compare"
	"paritygate/internal/admin"
)

// Format is how a report is written.
type Format string

// The formats of a report.
const (
	HTML     Format = "html"     // one file that needs no other, for a browser and for paper
	Markdown Format = "markdown" // for a ticket
	JSON     Format = "json"     // for programs
)

// Formats lists every format.
var Formats = []Format{HTML, Markdown, JSON}

//go:embed report.html
var htmlText string

//go:embed report.md
var markdownText string

// Write writes the report. Nothing is written if it fails to be made.
func (r *Report) Write(out io.Writer, f Format) error {
	var body bytes.Buffer
	var err error
	switch f {
	case HTML:
		err = r.html(&body)
	case Markdown:
		err = r.markdown(&body)
	case JSON:
		e := json.NewEncoder(&body)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		err = e.Encode(r)
	default:
		err = fmt.Errorf("a report is written as html, markdown or json, not %q", string(f))
	}
	if err != nil {
		return err
	}
	_, err = body.WriteTo(out)
	return err
}

// page is what the templates show.
type page struct {
	*Report
	Rules []admin.RuleRow
	Idle  []admin.RuleUse
	Noise []admin.NoiseRow
}

func (r *Report) page() page {
	return page{r, admin.HidingRules(r.Routes), admin.IdleRules(r.Routes), admin.NoisyPlaces(r.Routes)}
}

// Fence says what keeps others from writing to old.
func (p page) Fence() string {
	switch f := p.Status.Fence; {
	case f.Standing:
		return "up: old refuses the application's writes"
	case f.Configured:
		return "down, as far as this run knows; the flip puts it up"
	}
	return "none is configured: nothing keeps others from writing to old after the flip"
}

// differing is a check with the places where it differs.
type differing struct {
	Name string
	admin.CheckPlaces
}

// Differing are the checks that name places, the worst first.
func (p page) Differing() []differing {
	var list []differing
	for _, c := range p.Checks {
		if found := admin.PlacesOf(c, admin.ShownDifferences); len(found.Places) > 0 {
			list = append(list, differing{c.Name, found})
		}
	}
	return list
}

// Newest are the events, the newest first.
func (p page) Newest() []eventRow {
	rows := make([]eventRow, 0, len(p.Events))
	for i := len(p.Events) - 1; i >= 0; i-- {
		e := p.Events[i]
		row := eventRow{At: e.Time.UTC().Format("2006-01-02 15:04:05"), Actor: e.Actor, Kind: e.Kind, Phase: e.To, Reason: e.Reason}
		if e.From != "" && e.From != e.To {
			row.Phase = e.From + " → " + e.To
		}
		rows = append(rows, row)
	}
	return rows
}

type eventRow struct{ At, Actor, Kind, Phase, Reason string }

func (r *Report) html(out io.Writer) error {
	t, err := html.New("report.html").Funcs(funcs()).Parse(htmlText)
	if err != nil {
		return err
	}
	return t.Execute(out, r.page())
}

func (r *Report) markdown(out io.Writer) error {
	f := template.FuncMap(funcs())
	f["md"], f["code"], f["fence"], f["upper"] = escapeMarkdown, inlineCode, fence, strings.ToUpper
	t, err := template.New("report.md").Funcs(f).Parse(markdownText)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := t.Execute(&text, r.page()); err != nil {
		return err
	}
	_, err = io.WriteString(out, strings.ReplaceAll(text.String(), "\u00a0", " ")) // a figure's unit may go to the next line in a ticket
	return err
}

// funcs are what the templates call.
func funcs() html.FuncMap {
	f := admin.TemplateFuncs()
	f["tally"] = func(r admin.Route, v string) int64 { return r.Verdicts[compare.Verdict(v)] }
	return f
}

// special are the characters that mean something in the middle of a line of Markdown.
const special = "\\`*_[]<>|~#&"

// escapeMarkdown writes a text for one line or one cell of a table.
func escapeMarkdown(value any) string {
	if p, ok := value.(*string); ok {
		value = *p
	}
	var b strings.Builder
	for _, c := range strings.Join(strings.Fields(fmt.Sprint(value)), " ") {
		if strings.ContainsRune(special, c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// inlineCode writes a text as code within a line or a cell.
func inlineCode(value any) string {
	text := strings.Join(strings.Fields(fmt.Sprint(value)), " ")
	if text == "" {
		return ""
	}
	ticks := "`"
	for strings.Contains(text, ticks) {
		ticks += "`"
	}
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return ticks + strings.ReplaceAll(text, "|", `\|`) + ticks
}

// fence writes lines as a block of YAML.
func fence(text string) string {
	ticks := "```"
	for strings.Contains(text, ticks) {
		ticks += "`"
	}
	return ticks + "yaml\n" + strings.TrimSuffix(text, "\n") + "\n" + ticks
}
