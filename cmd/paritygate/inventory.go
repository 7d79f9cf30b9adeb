package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"paritygate/compare/aggregate"
	"paritygate/compare/aggregate/catalog"
	"paritygate/config"
	"paritygate/internal/inventory"
)

// smallTable is the size in bytes up to which a table is counted without being asked to: a glance of the server's.
const smallTable = 16 << 20

// taking is one run of `inventory`.
type taking struct {
	o            *options
	sides        [2]taken // old, new
	out          string
	exact, force bool
}

// taken is what one database is reached by, and what was read from it.
type taken struct {
	side, env, dsn string
	database       *aggregate.Database // nil: this side is not read
	read           *inventory.Side
}

func newInventory(o *options) *cobra.Command {
	t := &taking{o: o, sides: [2]taken{{side: "old"}, {side: "new"}}}
	cmd := &cobra.Command{
		Use: "inventory", Short: "Read both databases, and draft the checks", Args: none,
		Long: `Reads what both databases are made of, and writes it side by side to a Markdown file, and to a JSON file beside it: tables, matched by
name and else by similarity, columns, views, functions, triggers, extensions, sequences, policies, foreign keys, rows and sizes; what is
still to be done; and the checks that would watch over it, ready to paste.

The databases are those of the configuration, or those that --old-dsn-env and --new-dsn-env name; one of them alone will do. All that is
sent only reads, within a read-only transaction.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	for i := range t.sides {
		s := &t.sides[i]
		flags.StringVar(&s.env, s.side+"-dsn-env", "", "the environment variable `NAME` that holds the DSN of the "+s.side+" database, instead of the configuration")
		flags.StringVar(&s.dsn, s.side+"-dsn", "", "the `DSN` itself; other users may see it in the list of processes")
	}
	flags.StringVar(&t.out, "out", "migration-inventory.md", "write to this `FILE`, and the JSON to the one of the same name that ends in .json")
	flags.BoolVar(&t.exact, "exact", false, "count the rows of every table; without it large ones have the server's estimate")
	flags.BoolVar(&t.force, "force", false, "write over files that somebody edited, or that are no inventory")
	return cmd
}

func (t *taking) run(ctx context.Context) error {
	base := strings.TrimSuffix(strings.TrimSuffix(t.out, ".md"), ".json")
	files := []string{base + ".md", base + ".json"}
	for _, name := range files {
		if err := t.mayReplace(name); err != nil {
			return err
		}
	}
	if err := t.databases(); err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	for i := range t.sides {
		if s := &t.sides[i]; s.database != nil {
			group.Go(func() error { return s.take(within, t.exact) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var types []string
	for _, kind := range aggregate.Types {
		types = append(types, string(kind))
	}
	found := inventory.Make(time.Now(), t.sides[0].read, t.sides[1].read, types)
	encoded, err := encodeInventory(found)
	if err != nil {
		return err
	}
	for i, data := range [][]byte{[]byte(found.Markdown()), encoded} {
		if err := replaceFile(files[i], bytes.NewReader(data)); err != nil {
			return fmt.Errorf("write the inventory to %s: %w", files[i], cause(err))
		}
	}
	return t.o.print(found, func(p *printer) { printInventory(p, found, files) })
}

// mayReplace refuses a file that somebody else wrote, or edited: what is lost of an untouched inventory is made anew.
func (t *taking) mayReplace(name string) error {
	data, err := os.ReadFile(name) // #nosec G304 -- the operator names the file
	switch {
	case errors.Is(err, fs.ErrNotExist), t.force:
		return nil
	case err != nil:
		return fmt.Errorf("write %s: %w", name, cause(err))
	case strings.HasSuffix(name, ".md") && inventory.Untouched(string(data)):
		return nil
	case strings.HasSuffix(name, ".json"):
		var before inventory.Inventory
		if json.Unmarshal(data, &before) == nil {
			if again, err := encodeInventory(&before); err == nil && bytes.Equal(again, data) {
				return nil
			}
		}
	}
	return exit(exitRefused, "%s is there already, is no inventory as it was written, and was left as it is; --force writes over it, --out names another", name)
}

func encodeInventory(i *inventory.Inventory) ([]byte, error) {
	encoded, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the inventory as JSON: %w", err)
	}
	return append(encoded, '\n'), nil
}

// databases decides what is read: what the flags name, else what the configuration has, else what the usual variables hold.
func (t *taking) databases() error {
	flagged := false
	for i := range t.sides {
		flagged = flagged || t.sides[i].env != "" || t.sides[i].dsn != ""
	}
	if _, err := os.Stat(t.o.config); err == nil && !flagged {
		return t.configured()
	}
	some := false
	for i := range t.sides {
		s := &t.sides[i]
		if name := variableName(s.dsn); name != "" {
			s.env, s.dsn = name, ""
		}
		name := s.env
		if name == "" && !flagged {
			name = defaultDSN(s.side)
		}
		if value, _ := t.o.sys.lookup(name); s.dsn == "" {
			s.dsn = value
		}
		if s.dsn == "" && s.env != "" {
			return exit(exitUsage, "--%s-dsn-env: the environment variable %s is not set", s.side, s.env)
		}
		if s.dsn != "" {
			s.database, some = &aggregate.Database{DSN: s.dsn}, true
		}
	}
	if !some {
		return exit(exitUsage, "there is no configuration %s here that says where the databases are: give --old-dsn-env NAME and --new-dsn-env NAME, one of them or both, or --config FILE", t.o.config)
	}
	return nil
}

func (t *taking) configured() error {
	c, err := load(t.o.config, t.o.sys.lookup)
	if err != nil {
		return err
	}
	if c.config.Databases == nil {
		return exit(exitUsage, "%s has no databases; give --old-dsn-env NAME and --new-dsn-env NAME, one of them or both", t.o.config)
	}
	for i, d := range []config.Database{c.config.Databases.Old, c.config.Databases.New} {
		t.sides[i].database = &aggregate.Database{DSN: d.DSN.Reveal(), MaxConnections: d.MaxConnections, StatementTimeout: d.StatementTimeout}
	}
	return nil
}

// take reads one database.
func (s *taken) take(ctx context.Context, exact bool) error {
	c, err := aggregate.ReadCatalog(ctx, s.side, *s.database, nil)
	if err != nil {
		return err
	}
	var count []catalog.Name
	for i := range c.Relations {
		r := &c.Relations[i]
		if r.Parent != nil || !r.IsTable() {
			continue
		}
		if small := r.Kind != catalog.Foreign && r.Bytes != nil && *r.Bytes <= smallTable; small || exact {
			count = append(count, r.Name)
		}
	}
	statistics, err := aggregate.ReadStatistics(ctx, s.side, *s.database, count)
	if err != nil {
		return err
	}
	s.read = &inventory.Side{Catalog: c, Rows: statistics.Rows, Uncounted: statistics.Uncounted, Distinct: statistics.Distinct}
	return nil
}

func printInventory(p *printer, i *inventory.Inventory, files []string) {
	var paired, proposed, onlyOld, onlyNew int
	for n := range i.Tables {
		switch t := &i.Tables[n]; {
		case t.Old == nil:
			onlyNew++
		case t.New == nil:
			onlyOld++
		case t.Match == inventory.BySimilarity:
			proposed++
			p.linef("proposed: %s may be %s (score %.2f)", t.Old.Name, t.New.Name, t.Score)
		default:
			paired++
		}
	}
	switch {
	case i.New == nil:
		p.linef("tables: %d on old; new was not read", onlyOld)
	case i.Old == nil:
		p.linef("tables: %d on new; old was not read", onlyNew)
	default:
		p.linef("tables: %d matched by name, %d proposed by similarity, %d only on old, %d only on new", paired, proposed, onlyOld, onlyNew)
	}
	if i.Checks != "" {
		p.linef("checks: %d drafted", strings.Count(i.Checks, "\n  - name: "))
	}
	p.linef("written: %s", strings.Join(files, ", "))
}
