package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"paritygate/compare/aggregate"
	"paritygate/config"
	"paritygate/internal/detect"
)

// initial is what `init` is told, asks for and finds out.
type initial struct {
	o          *options
	out        string
	yes, force bool
	name       string
	sides      [2]initialSide // old, new
	warnings   []string       // what could not be reached
}

// initialSide is one of the two systems.
type initialSide struct {
	side     string // old or new
	url      string
	database initialDatabase
	headers  map[string]string // a header's name to the variable that holds its value
	found    detect.Backend
}

// initialDatabase says where a side's DSN comes from.
type initialDatabase struct {
	env   string // the variable that the file names; empty: no database
	given string // by a flag or on the terminal; empty: the variable's value
}

// initTimeout bounds what is asked of both backends, and of both databases.
const initTimeout = time.Minute

func newInit(o *options) *cobra.Command {
	in := &initial{o: o, sides: [2]initialSide{{side: "old"}, {side: "new"}}}
	cmd := &cobra.Command{
		Use: "init", Short: "Draft a configuration from the two backends and their databases", Args: none,
		Long: `Asks for what the flags leave out, if this is a terminal; reaches both backends and databases; finds out whether a backend is
Supabase, PostgREST, Convex, Firestore or GraphQL; and writes a commented configuration that ` + "`validate --probe`" + ` accepts.
What it sends only reads. Secrets are never written: the file names the variables of the environment that hold them.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if in.out == "" {
				in.out = o.config
			}
			return in.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	for i := range in.sides {
		s := &in.sides[i]
		flags.StringVar(&s.url, s.side+"-url", "", "the `URL` of the "+s.side+" backend")
		flags.StringVar(&s.database.env, s.side+"-dsn-env", "", "the environment variable `NAME` that holds the DSN of the "+s.side+" database (default "+defaultDSN(s.side)+")")
		flags.StringVar(&s.database.given, s.side+"-dsn", "", "the `DSN` itself, where the variable is not set yet; other users may see it in the list of processes")
		flags.StringToStringVar(&s.headers, s.side+"-header", nil, "a header of each request to "+s.side+", with the variable that holds its value, as `NAME=VARIABLE`")
	}
	flags.StringVar(&in.name, "name", "", "the `NAME` of the run, such as supabase-to-planetscale")
	flags.StringVar(&in.out, "out", "", "the `FILE` to write (default: that of --config)")
	flags.BoolVarP(&in.yes, "yes", "y", false, "ask nothing, and write even if something cannot be reached")
	flags.BoolVar(&in.force, "force", false, "write over a file that is there")
	return cmd
}

func defaultDSN(side string) string { return strings.ToUpper(side) + "_DATABASE_URL" }

func (in *initial) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{in.complete, in.detect, in.databases, in.nameRun} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	text := in.text()
	if _, err := config.Parse(in.out, []byte(text), in.lookup, func(c *config.Config) config.Problems {
		_, err := compile(c)
		problems, _ := errors.AsType[config.Problems](err)
		return problems
	}); err != nil {
		return err
	}
	if err := in.agree(); err != nil {
		return err
	}
	return in.write(text)
}

// complete takes what is missing from the terminal, or says which flags give it.
func (in *initial) complete(ctx context.Context) error {
	_, err := os.Stat(in.out)
	exists := err == nil
	var flags []string
	for i := range in.sides {
		if in.sides[i].url == "" {
			flags = append(flags, "--"+in.sides[i].side+"-url URL")
		}
	}
	if len(flags) > 0 && (in.yes || !isTerminal(in.o.sys.in)) {
		return exit(exitUsage, "there is nobody to ask: give %s; --old-dsn-env NAME and --new-dsn-env NAME say which variables hold the databases' DSNs, "+
			"--name RUN names the run, and `paritygate init --help` lists the rest", strings.Join(flags, " and "))
	}
	if len(flags) > 0 && exists && !in.force {
		return in.refuse()
	}
	for i := range in.sides {
		s := &in.sides[i]
		for asked := s.url == ""; ; {
			if asked {
				if s.url, err = in.ask(ctx, "The URL of the "+s.side+" backend", ""); err != nil {
					return err
				}
			}
			_, err := backendAddress(s.url)
			if err == nil {
				break
			}
			if !asked {
				return exit(exitUsage, "--%s-url %w", s.side, err)
			}
			fmt.Fprintf(in.o.sys.err, "It %v.\n", err)
		}
	}
	return nil
}

// backendAddress reads a URL. Its error does not quote it: there may be a password in it.
func backendAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case strings.Contains(text, "@"):
		return nil, errors.New("must hold no user or password; give a header by its variable instead, as in --old-header Authorization=OLD_AUTH")
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("must be a URL such as https://api.example.com")
	}
	return u, nil
}

// detect asks both backends what they are.
func (in *initial) detect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	var group errgroup.Group
	var errs [2]error
	for i := range in.sides {
		s := &in.sides[i]
		header, err := s.credentials(in.o.sys.lookup)
		if err != nil {
			return err
		}
		address, err := backendAddress(s.url)
		if err != nil {
			return err
		}
		group.Go(func() error {
			s.found, errs[i] = detect.Ask(ctx, address, header)
			return nil
		})
	}
	_ = group.Wait() // each side has its own error
	for i := range in.sides {
		s := &in.sides[i]
		if errs[i] != nil {
			in.warnings = append(in.warnings, fmt.Sprintf("the %s backend: %v", s.side, errs[i]))
			s.found = detect.Backend{Kind: detect.HTTP}
			continue
		}
		what := kindNames[s.found.Kind]
		if len(s.found.Signs) > 0 {
			what += " (" + strings.Join(s.found.Signs, ", ") + ")"
		}
		fmt.Fprintf(in.o.sys.err, "the %s backend answers: %s\n", s.side, what)
	}
	return nil
}

// credentials are the header fields that go with each request.
func (s *initialSide) credentials(lookup func(string) (string, bool)) (http.Header, error) {
	header := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(s.headers)) {
		value, _ := lookup(s.headers[name])
		if value == "" {
			return nil, exit(exitUsage, "--%s-header %s: the environment variable %s is not set", s.side, name, s.headers[name])
		}
		header.Set(name, value)
	}
	return header, nil
}

// databases finds both DSNs or neither, and asks both databases for a sign of life.
func (in *initial) databases(ctx context.Context) error {
	var there int
	for i := range in.sides {
		if err := in.database(ctx, &in.sides[i]); err != nil {
			return err
		}
		if in.sides[i].database.env != "" {
			there++
		}
	}
	switch there {
	case 0:
		return nil
	case 1:
		return exit(exitUsage, "the checks need both databases, or none: one has its DSN (%s%s), the other has not; see --old-dsn-env and --new-dsn-env",
			in.sides[0].database.env, in.sides[1].database.env)
	}
	old, _ := in.lookup(in.sides[0].database.env)
	newer, _ := in.lookup(in.sides[1].database.env)
	runner, err := aggregate.New(aggregate.Options{Old: aggregate.Database{DSN: old}, New: aggregate.Database{DSN: newer}})
	if err != nil {
		return exit(exitUsage, "%w", err)
	}
	defer runner.Close()
	ctx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	oldErr, newErr := runner.Probe(ctx)
	for i, err := range []error{oldErr, newErr} {
		if err != nil {
			in.warnings = append(in.warnings, fmt.Sprintf("the %s database: %v", in.sides[i].side, err))
			continue
		}
		fmt.Fprintf(in.o.sys.err, "the %s database answers\n", in.sides[i].side)
	}
	return nil
}

// database decides which variable names a side's DSN; none if there is none.
func (in *initial) database(ctx context.Context, s *initialSide) error {
	d := &s.database
	if name := variableName(d.given); name != "" {
		d.env, d.given = name, ""
	}
	named := d.env != ""
	if !named {
		d.env = defaultDSN(s.side)
	}
	if value, _ := in.lookup(d.env); value != "" {
		return nil
	}
	switch {
	case !in.yes && isTerminal(in.o.sys.in):
		return in.askDatabase(ctx, s, named)
	case named:
		return exit(exitUsage, "--%s-dsn-env: the environment variable %s is not set", s.side, d.env)
	}
	d.env = ""
	return nil
}

var variableReference = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)

// variableName is the name in a ${NAME}, which somebody gave in the place of a value.
func variableName(text string) string {
	if m := variableReference.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// lookup finds a variable as the file will, with what was given by hand in the place of what is not set yet.
func (in *initial) lookup(name string) (string, bool) {
	for _, s := range in.sides {
		if s.database.env == name && s.database.given != "" {
			return s.database.given, true
		}
	}
	return in.o.sys.lookup(name)
}

// nameRun names the run after what it leads from and to.
func (in *initial) nameRun(ctx context.Context) (err error) {
	if in.name != "" {
		return nil
	}
	in.name = "migration"
	if from, to := in.sides[0].found.Kind, in.sides[1].found.Kind; from != to {
		in.name = string(from) + "-to-" + string(to)
	}
	if !in.yes && isTerminal(in.o.sys.in) {
		in.name, err = in.ask(ctx, "The name of the run", in.name)
	}
	return err
}

// agree has somebody decide what to do about what cannot be reached.
func (in *initial) agree() error {
	for _, w := range in.warnings {
		fmt.Fprintf(in.o.sys.err, "warning: %s\n", w)
	}
	if len(in.warnings) == 0 || in.yes {
		return nil
	}
	if !isTerminal(in.o.sys.in) {
		return exit(exitFailed, "%s was not written; --yes writes it all the same", in.out)
	}
	return (&change{o: in.o}).confirm("not everything can be reached; " + in.out + " is to be written all the same")
}

// refuse says that the file is there.
func (in *initial) refuse() error {
	return exit(exitRefused, "%s is there already, and was left as it is; --force writes over it, --out names another", in.out)
}

// write makes the file; one that says the same is left alone.
func (in *initial) write(text string) error {
	was, err := os.ReadFile(in.out) // #nosec G304 -- the operator names the file
	state := "written"
	switch {
	case err == nil && string(was) == text:
		state = "unchanged"
	case err == nil && !in.force:
		return in.refuse()
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("write %s: %w", in.out, cause(err))
	default:
		if err := replaceFile(in.out, strings.NewReader(text)); err != nil {
			return fmt.Errorf("write %s: %w", in.out, cause(err))
		}
	}
	needs, unset := in.environment(), []string{}
	for _, name := range needs {
		if value, _ := in.o.sys.lookup(name); value == "" {
			unset = append(unset, name)
		}
	}
	done := initialized{File: in.out, State: state, Run: in.name, Old: in.sides[0].summary(), New: in.sides[1].summary(), Environment: needs, Unset: unset}
	return in.o.print(done, func(p *printer) {
		p.linef("%s: %s", in.out, state)
		if len(unset) > 0 {
			p.linef("before it is used, set %s in the environment", strings.Join(unset, " and "))
		}
		p.linef("next: paritygate validate --probe --config %s", in.out)
	})
}

// initialized is what `init` did.
type initialized struct {
	File        string            `json:"file"`
	State       string            `json:"state"` // written or unchanged
	Run         string            `json:"run"`
	Old         initializedSystem `json:"old"`
	New         initializedSystem `json:"new"`
	Environment []string          `json:"environment"` // the variables that the file needs
	Unset       []string          `json:"unset"`       // those of them that are not set
}

type initializedSystem struct {
	URL   string      `json:"url"`
	Kind  detect.Kind `json:"kind"`
	Signs []string    `json:"signs"`
}

func (s *initialSide) summary() initializedSystem {
	return initializedSystem{URL: s.url, Kind: s.found.Kind, Signs: append([]string{}, s.found.Signs...)}
}

// environment lists the variables that the file needs.
func (in *initial) environment() []string {
	names := []string{}
	for _, s := range in.sides {
		for _, header := range slices.Sorted(maps.Keys(s.headers)) {
			names = append(names, s.headers[header])
		}
		if s.database.env != "" {
			names = append(names, s.database.env)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
