package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"paritygate/internal/admin"
)

// none refuses arguments.
func none(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return exit(exitUsage, "`%s` takes no argument, got %q; see `%[1]s --help`", cmd.CommandPath(), args[0])
}

// one asks for exactly one argument; what says which.
func one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return exit(exitUsage, "`%s` needs %s; see `%[1]s --help`", cmd.CommandPath(), what)
		case 1:
			return nil
		}
		return exit(exitUsage, "`%s` takes one argument, %s; got also %q; see `%[1]s --help`", cmd.CommandPath(), what, args[1])
	}
}

// mayBe takes one argument or none; what says which.
func mayBe(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= 1 {
			return nil
		}
		return exit(exitUsage, "`%s` takes one argument, %s; got also %q; see `%[1]s --help`", cmd.CommandPath(), what, args[1])
	}
}

// misspelt says what is wrong with a flag, without the name of the function that could not read its value.
func misspelt(err error) string {
	text, function, number := strings.Cut(err.Error(), ": strconv.")
	switch {
	case strings.HasPrefix(function, "ParseFloat"):
		text += ": it must be a number"
	case number:
		text += ": it must be a whole number"
	}
	return text
}

// group runs a command that only has others below it: without one it tells which there are.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	meant := ""
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		meant = " (did you mean " + strings.Join(near, " or ") + "?)"
	}
	return exit(exitUsage, "unknown command %q%s; see `%s --help`", args[0], meant, cmd.CommandPath())
}

// limit checks how many are asked for, as the API does.
func limit(n int) error {
	if n < 1 || n > 1000 {
		return exit(exitUsage, "--limit must be a whole number from 1 to 1000, got %d", n)
	}
	return nil
}

// advice says what a person at the command line can do about a refusal; empty where the refusal says it.
func (o *options) advice(err error) string {
	if e, ok := errors.AsType[*admin.Error](err); ok && e.Code == admin.CodeUnauthorized {
		return fmt.Sprintf("; the token is read from the environment variable %s, --token-env names another", o.tokenEnv)
	}
	return ""
}
