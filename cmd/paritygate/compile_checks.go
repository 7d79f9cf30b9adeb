package main

import (
	"errors"
	"fmt"
	"strings"

	"paritygate/compare/aggregate"
	"paritygate/config"
	"paritygate/internal/postgres"
)

func (b *compiler) checks() []aggregate.Check {
	var out []aggregate.Check
	for i, k := range b.c.Checks {
		check := aggregate.Check{
			Name: k.Name, Type: aggregate.Type(k.Type), Old: sideOf(k.Old), New: sideOf(k.New), Tolerance: checkTolerance(k.Tolerance),
			Every: k.Every, MaxAge: k.MaxAge, Strict: k.StrictAtCutover,
			MaxCost: k.MaxCost, Limit: k.Limit, Key: k.Key, Pace: k.Pace, Tables: k.Tables, Rename: k.Rename,
		}
		for _, c := range k.Columns {
			column := aggregate.Column{Old: c.Old, New: c.New, Ignore: c.Ignore}
			if c.Tolerance != nil {
				tolerance := checkTolerance(*c.Tolerance)
				column.Tolerance = &tolerance
			}
			check.Columns = append(check.Columns, column)
		}
		if s := k.Settled; s != nil {
			check.Settled = &aggregate.Settled{Column: s.Column, Lag: s.Lag}
		}
		if err := check.Validate(); err != nil {
			b.refused(fmt.Sprintf("checks[%d]", i), err)
		}
		out = append(out, check)
	}
	return out
}

// refused reports each of the errors that are joined in one, at the key that it begins with.
func (b *compiler) refused(path string, err error) {
	for _, text := range apart(err) {
		problem := b.c.Problem(path, "%s", text)
		for {
			key, rest, found := strings.Cut(problem.Message, ": ")
			at := problem.Path + "." + key
			if !found || !b.c.Has(at) {
				break
			}
			problem = b.c.Problem(at, "%s", rest)
		}
		b.problems = append(b.problems, problem)
	}
}

// apart are the texts of the errors that are joined in one, each with the prefix that was put before all of them.
func apart(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
		var out []string
		for _, e := range joined.Unwrap() {
			out = append(out, apart(e)...)
		}
		return out
	}
	inner := errors.Unwrap(err)
	if inner == nil {
		return []string{err.Error()}
	}
	before, after, within := strings.Cut(err.Error(), inner.Error())
	if !within {
		return []string{err.Error()}
	}
	out := apart(inner)
	for i := range out {
		out[i] = before + out[i] + after
	}
	return out
}

func sideOf(s config.CheckSide) aggregate.Side {
	out := aggregate.Side{Table: s.Table, SQL: s.SQL, Column: s.Column, Schema: s.Schema}
	if h := s.HTTP; h != nil {
		out.HTTP = &aggregate.HTTP{Path: h.Path, Method: h.Method, Header: h.Headers, Body: h.Body, Value: s.Value}
	}
	return out
}

// databases reports what is wrong with them and is no matter of the file's form.
func (b *compiler) databases() {
	if f := b.c.Cutover.Fence; f != nil {
		for at, dsn := range map[string]config.Secret{"cutover.fence": f.DSN, "cutover.fence.verify": f.Verify.DSN} {
			if _, err := postgres.ParseDSN(dsn.Reveal()); err != nil {
				b.refused(at, err)
			}
		}
	}
	d := b.c.Databases
	if d == nil {
		return
	}
	for side, lag := range map[string]config.DatabaseLag{"old": d.Old.Lag, "new": d.New.Lag} {
		if err := (aggregate.Lag{SQL: lag.SQL, Max: lag.Max}).Validate(); err != nil {
			b.refused("databases."+side+".lag", err)
		}
	}
}

func checkTolerance(t config.CheckTolerance) aggregate.Tolerance {
	return aggregate.Tolerance{Relative: string(t.Relative), Absolute: string(t.Absolute), Overlap: string(t.Overlap)}
}
