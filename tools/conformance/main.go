package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
)

func main() {
	log.SetOutput(io.Discard) // net/http's client writes there what backends say out of turn
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root := flag.String("root", "../..", "directory of the program's module")
	only := flag.String("suite", "", "run only the suites whose name this regular expression matches")
	verbose := flag.Bool("v", false, "print what each failing case said")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-suite: %w", err)
	}
	recorded, err := loadRecord(filepath.Join(*root, "tools", "conformance", "recorded.json"))
	if err != nil {
		return err
	}
	b, err := newBench(ctx, *root)
	if err != nil {
		return err
	}
	defer b.close()
	var rows []row
	for _, s := range suites() {
		if !wanted.MatchString(s.name) {
			continue
		}
		r, err := judge(ctx, b, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return errors.New("no suite has such a name")
	}
	return report(os.Stdout, rows, recorded, *verbose)
}
