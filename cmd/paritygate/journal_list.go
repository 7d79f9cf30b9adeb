package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/journal"
)

func newJournalList(o *options) *cobra.Command {
	l := &listing{o: o}
	cmd := &cobra.Command{
		Use: "list", Short: "List the writes in the journal, and what became of them", Args: none,
		Long: `Lists the writes in the journal, the oldest first: how each ended, and whether the other backend has it. Nothing secret is listed.

AT        the backend that it was forwarded to, old or new
OUTCOME   acknowledged (2xx and 3xx), rejected (4xx: it changed nothing), not_sent, unknown (5xx, a timeout, a cut, or a crash before
          the answer), open (in flight)
CARRIED   at the other backend: - (nothing to carry), unsent, sending, sent, resolved, discarded, unknown (an operator decides:
          journal resolve)

Asks the running proxy; where none runs, or with --directory, it reads the files.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return l.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&l.query.Unknown, "unknown", false, "only those that an operator decides on")
	flags.BoolVar(&l.query.Unsent, "unsent", false, "only those that the next replay sends; with --unknown, either")
	flags.StringVar(&l.query.Path, "path", "", "only those whose path begins with `PREFIX`")
	flags.StringVar(&l.since, "since", "", "only those that arrived since `TIME`, such as 2026-01-31T09:30:00Z, or 2h for two hours ago")
	flags.IntVar(&l.query.Limit, "limit", 0, "at most `N` (0: all)")
	flags.StringVar(&l.directory, "directory", "", "read the journal in `DIR`, such as a copy, whoever writes to it")
	return cmd
}

// listing is `journal list`.
type listing struct {
	o         *options
	query     journal.Query
	since     string
	directory string
	out       recordWriter
}

func (l *listing) run(ctx context.Context) error {
	if err := l.check(time.Now()); err != nil {
		return err
	}
	l.out = &recordTable{p: newPrinter(l.o.sys)}
	if l.o.output == "json" {
		l.out = &recordJSON{to: l.o.sys.out}
	}
	damage, err := l.list(ctx)
	if err == nil {
		err = l.out.end(damage)
	}
	if err == nil && damage != "" {
		err = exit(exitFailed, "%s; what stands behind it in that segment is not listed", damage)
	}
	return err
}

func (l *listing) check(now time.Time) error {
	if l.query.Limit < 0 {
		return exit(exitUsage, "--limit must be 0 or more, got %d", l.query.Limit)
	}
	if l.since == "" {
		return nil
	}
	if ago, err := time.ParseDuration(l.since); err == nil && ago >= 0 {
		l.query.Since = now.Add(-ago)
		return nil
	}
	at, err := time.Parse(time.RFC3339, l.since)
	if err != nil {
		return exit(exitUsage, "--since must be a time such as 2026-01-31T09:30:00Z or a duration such as 2h, got %q", l.since)
	}
	l.query.Since = at
	return nil
}

// list gives the records to the output, and says where the journal is damaged.
func (l *listing) list(ctx context.Context) (damage string, err error) {
	if l.directory != "" {
		return l.files(ctx, l.directory)
	}
	client, err := l.o.client()
	if err != nil {
		return "", err
	}
	damage, err = l.pages(ctx, client)
	if e, ok := errors.AsType[*admin.Error](err); ok && e.Code == admin.CodeUnavailable && e.HTTPStatus != 0 {
		err = fmt.Errorf("%w; --directory DIR reads the files all the same", err)
	}
	if !l.o.nobodyServes(err) {
		return damage, err
	}
	dir, err := l.o.idleJournal(err)
	if err != nil {
		return "", err
	}
	return l.files(ctx, dir)
}

// idleJournal is the configured directory of a journal that nobody writes to; unreachable is why no proxy was asked.
func (o *options) idleJournal(unreachable error) (string, error) {
	c, err := config.Load(o.config, o.sys.lookup)
	if err != nil {
		return "", err
	}
	if err := journal.Held(c.Journal.Directory); err != nil {
		return "", fmt.Errorf("%w; and %w. --admin URL reaches a proxy elsewhere, --directory %s reads the files all the same", unreachable, err, c.Journal.Directory)
	}
	return c.Journal.Directory, nil
}

// pages reads the running proxy's journal.
func (l *listing) pages(ctx context.Context, client *admin.Client) (damage string, err error) {
	q := admin.RecordQuery{Unknown: l.query.Unknown, Unsent: l.query.Unsent, Path: l.query.Path, Since: l.query.Since}
	for left := l.query.Limit; ; {
		if q.Limit = admin.MaxLimit; l.query.Limit > 0 {
			q.Limit = min(left, admin.MaxLimit)
		}
		page, err := client.Records(ctx, q)
		if err != nil {
			return "", err
		}
		if damage == "" {
			damage = page.Damage
		}
		for _, r := range page.Records {
			if err := l.out.write(r); err != nil {
				return "", err
			}
			q.After = r.Seq
		}
		if left -= len(page.Records); len(page.Records) < q.Limit || l.query.Limit > 0 && left <= 0 {
			return damage, nil
		}
	}
}

// files reads a directory.
func (l *listing) files(ctx context.Context, dir string) (damage string, err error) {
	lister := journal.NewLister(dir)
	err = lister.List(ctx, l.query, func(i journal.Item) error { return l.out.write(recordOf(i)) })
	if d := lister.Damage(); d != nil {
		damage = d.Error()
	}
	return damage, err
}

// recordWriter shows records one by one, however many there are.
type recordWriter interface {
	write(r admin.Record) error
	end(damage string) error
}

// recordTable shows them to people. What is long stands last, so that no column need be measured.
type recordTable struct {
	p     *printer
	shown int
}

const recordLine = "%-20s  %-18s  %-3s  %-7s  %-12s  %-6s  %-9s  %s"

func (t *recordTable) write(r admin.Record) error {
	if t.shown == 0 {
		t.p.linef(recordLine, "TIME", "ID", "AT", "METHOD", "OUTCOME", "STATUS", "CARRIED", "PATH")
	}
	t.shown++
	status, path := "-", r.Path
	if r.Status != 0 {
		status = fmt.Sprint(r.Status)
	}
	if r.Missing > 0 {
		path = fmt.Sprintf("(%s to %s that are in no record)", writes(r.Missing), r.At)
	}
	t.p.linef(recordLine, instant(r.Time), r.ID, r.At, orDash(r.Method), r.Outcome, status, r.Carried, visible(path))
	return nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return visible(text)
}

func (t *recordTable) end(string) error {
	if t.shown == 0 {
		t.p.line("no such writes")
	}
	return nil
}

// recordJSON writes {"records":[…]}, a record a line.
type recordJSON struct {
	to    io.Writer
	shown int
}

func (j *recordJSON) write(r admin.Record) error {
	begin := ",\n"
	if j.shown == 0 {
		begin = "{\"records\": [\n"
	}
	j.shown++
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = io.WriteString(j.to, begin+string(text))
	return err
}

func (j *recordJSON) end(damage string) error {
	text := "\n]"
	if j.shown == 0 {
		text = "{\"records\": []"
	}
	if damage != "" {
		quoted, err := json.Marshal(damage)
		if err != nil {
			return err
		}
		text += ", \"damage\": " + string(quoted)
	}
	_, err := io.WriteString(j.to, text+"}\n")
	return err
}
