package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"
)

// ask puts a question on the terminal; an empty answer is the preset one, if there is one, and otherwise is asked again.
func (in *initial) ask(question, preset string, args ...any) (string, error) {
	for {
		fmt.Fprintf(in.o.sys.err, question, args...)
		if preset != "" {
			fmt.Fprintf(in.o.sys.err, " [%s]", preset)
		}
		fmt.Fprint(in.o.sys.err, ": ")
		line, err := readLine(in.o.sys.in)
		if err != nil {
			return "", exit(exitRefused, "the terminal ended before all was answered; nothing was written")
		}
		if line == "" {
			line = preset
		}
		if line != "" {
			return line, nil
		}
	}
}

// readLine reads one line and not a byte more: the next answer may have to be read by other means.
func readLine(in io.Reader) (string, error) {
	var line strings.Builder
	for one := make([]byte, 1); ; {
		n, err := in.Read(one)
		switch {
		case n == 1 && one[0] == '\n':
			return strings.TrimSpace(line.String()), nil
		case n == 1:
			line.WriteByte(one[0])
		case err != nil:
			return "", err
		}
	}
}

// askDatabase asks for the variable that holds a side's DSN, and for the DSN if it is not set, without showing it.
func (in *initial) askDatabase(s *initialSide, named bool) error {
	d := &s.database
	if !named {
		env, err := in.ask("The environment variable with the DSN of the %s database, - for none", d.env, s.side)
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
		return errors.New("there is no terminal to ask on")
	}
	fmt.Fprintf(in.o.sys.err, "%s is not set. The DSN, which is neither shown nor written, empty for no database: ", d.env)
	dsn, err := term.ReadPassword(int(terminal.Fd()))
	fmt.Fprintln(in.o.sys.err)
	if err != nil {
		return exit(exitRefused, "the terminal ended before all was answered; nothing was written")
	}
	if d.given = strings.TrimSpace(string(dsn)); d.given == "" {
		d.env = ""
	}
	return nil
}
