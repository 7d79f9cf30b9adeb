package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/cutover"
	"paritygate/internal/journal"
)

// The exit codes.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2 // usage or configuration
	exitGate         = 3 // the gate or a check failed
	exitInconclusive = 4
	exitRefused      = 5 // wrong phase or epoch, or not permitted
)

// system is what the program takes from the outside, so that a test can start it in-process.
type system struct {
	in       io.Reader
	out, err io.Writer
	lookup   func(string) (string, bool)
	// rewire comes between the cutover machine and what it drives, so that a test can end the process there; nil in the program.
	rewire func(cutover.Options) cutover.Options
}

// exitError ends the program with a code; its message, if any, goes to standard error.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func exit(code int, format string, args ...any) error {
	return &exitError{code, fmt.Errorf(format, args...)}
}

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, sys system) int {
	o := &options{sys: sys}
	root := newRoot(o)
	root.SetArgs(args)
	root.SetIn(sys.in)
	root.SetOut(sys.out)
	root.SetErr(sys.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	code := exitCode(err)
	if text := err.Error(); text != "" {
		if _, many := errors.AsType[config.Problems](err); !many {
			text = "paritygate: " + text + o.advice(err)
		}
		fmt.Fprintln(sys.err, text)
	}
	return code
}

// exitCode maps an error to an exit code.
func exitCode(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if _, ok := errors.AsType[config.Problems](err); ok {
		return exitUsage
	}
	if errors.Is(err, journal.ErrKey) { // journal.key is not the one that the journal was written with
		return exitUsage
	}
	e, ok := errors.AsType[*admin.Error](err)
	if !ok {
		return exitFailed
	}
	switch e.Code {
	case admin.CodeBadRequest, admin.CodeTooLarge, admin.CodeUnsupportedMedia:
		return exitUsage
	case admin.CodeGateFailed:
		return exitGate
	case admin.CodeGateInconclusive:
		return exitInconclusive
	case admin.CodeWrongPhase, admin.CodeWrongEpoch, admin.CodeForbidden, admin.CodeUnauthorized:
		return exitRefused
	case admin.CodeNotFound, admin.CodeMethodNotAllowed, admin.CodeConflict, admin.CodeUnavailable, admin.CodeInternal:
	}
	return exitFailed
}

// options are the flags that every command has.
type options struct {
	sys      system
	config   string
	admin    string
	tokenEnv string
	output   string
	urgent   bool // the command goes by the configuration's admin.address, whatever else is wrong with the file
}

func newRoot(o *options) *cobra.Command {
	root := &cobra.Command{
		Use:   "paritygate COMMAND",
		Short: "A parity-checking shadow proxy with an evidence-based cutover",
		Long: `paritygate stands in front of two backends while production moves from one to the other.
It mirrors a fraction of the reads to the other backend, compares the answers and aggregate SQL queries, opens the gate to the
write cutover only on evidence, and routes back in seconds when a trigger fires.

Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 the gate or a check failed, 4 inconclusive, 5 refused.`,
		SilenceErrors: true, SilenceUsage: true, DisableAutoGenTag: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if o.output != "table" && o.output != "json" {
				return exit(exitUsage, "--output must be table or json, got %q", o.output)
			}
			return nil
		},
		Args: cobra.ArbitraryArgs, RunE: group,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return exit(exitUsage, "%s; see `%s --help`", misspelt(err), cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVar(&o.config, "config", "paritygate.yaml", "the configuration `FILE`")
	flags.StringVar(&o.admin, "admin", "", "the running proxy's admin `URL` (default: admin.address of the configuration)")
	flags.StringVar(&o.tokenEnv, "token-env", "PARITYGATE_TOKEN", "the environment variable `NAME` that holds the admin token")
	flags.StringVar(&o.output, "output", "table", "`FORMAT` of what is printed: table or json")
	root.AddCommand(
		newServe(o), newDemo(o), newInit(o), newInventory(o), newValidate(o), newCheck(o),
		newStatus(o), newGate(o), newRoutes(o), newMismatches(o), newChecks(o), newEvents(o),
		newMirror(o), newCanary(o), newAttest(o), newRestart(o), newCutover(o), newRollback(o), newResume(o), newComplete(o),
		newJournal(o),
		newReport(o), newDashboards(o), newVersion(o),
	)
	return root
}
