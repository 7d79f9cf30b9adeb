package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"
)

// errUnanswered ends a command whose terminal went away, or that was interrupted.
var errUnanswered = exit(exitRefused, "the terminal ended before all was answered; nothing was written")

// ask puts a question on the terminal; an empty answer is the preset one, if there is one, and otherwise is asked again.
func (in *initial) ask(ctx context.Context, question, preset string) (string, error) {
	for {
		fmt.Fprint(in.o.sys.err, question)
		if preset != "" {
			fmt.Fprintf(in.o.sys.err, " [%s]", preset)
		}
		fmt.Fprint(in.o.sys.err, ": ")
		line, err := awaitAnswer(ctx, func() (string, error) { return readLine(in.o.sys.in) })
		if err != nil {
			return "", err
		}
		if line == "" {
			line = preset
		}
		if line != "" {
			return line, nil
		}
	}
}

// awaitAnswer waits for an answer, or for the end of the context: a read from a terminal cannot be called off, and ends with the
// process.
func awaitAnswer(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := read()
		got <- answer{strings.TrimSpace(text), err}
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return "", errUnanswered
		}
		return a.text, nil
	case <-ctx.Done():
		return "", errUnanswered
	}
}

// readLine reads one line and not a byte more: the next answer may have to be read by other means.
func readLine(in io.Reader) (string, error) {
	var line strings.Builder
	for one := make([]byte, 1); ; {
		n, err := in.Read(one)
		switch {
		case n == 1 && one[0] == '\n':
			return line.String(), nil
		case n == 1:
			line.WriteByte(one[0])
		case err != nil:
			return "", err
		}
	}
}

// askDatabase asks for the variable that holds a side's DSN, and for the DSN if it is not set, without showing it.
func (in *initial) askDatabase(ctx context.Context, s *initialSide, named bool) error {
	d := &s.database
	if !named {
		env, err := in.ask(ctx, "The environment variable with the DSN of the "+s.side+" database, - for none", d.env)
		if err != nil {
			return err
		}
		if d.env = env; env == "-" {
			d.env = ""
			return nil
		}
	}
	if value, _ := in.o.sys.lookup(d.env); value != "" {
		return nil
	}
	terminal, ok := in.o.sys.in.(interface{ Fd() uintptr })
	if !ok {
		return errUnanswered
	}
	fd := int(terminal.Fd())
	shown, err := term.GetState(fd)
	if err != nil {
		return fmt.Errorf("read from the terminal: %w", err)
	}
	fmt.Fprintf(in.o.sys.err, "%s is not set. The DSN, which is neither shown nor written, empty for no database: ", d.env)
	d.given, err = awaitAnswer(ctx, func() (string, error) {
		dsn, err := term.ReadPassword(fd)
		return string(dsn), err
	})
	fmt.Fprintln(in.o.sys.err)
	if err != nil {
		_ = term.Restore(fd, shown) // or the shell after an interruption would not show what is typed
		return err
	}
	if d.given == "" {
		d.env = ""
	}
	return nil
}
