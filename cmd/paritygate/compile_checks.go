package main

import (
	"fmt"

	"paritygate/compare/aggregate"
	"paritygate/config"
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
			b.problem(fmt.Sprintf("checks[%d]", i), "%v", err)
		}
		out = append(out, check)
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
	d := b.c.Databases
	if d == nil {
		return
	}
	for side, lag := range map[string]config.DatabaseLag{"old": d.Old.Lag, "new": d.New.Lag} {
		if err := (aggregate.Lag{SQL: lag.SQL, Max: lag.Max}).Validate(); err != nil {
			b.problem("databases."+side+".lag.sql", "%v", err)
		}
	}
}

func checkTolerance(t config.CheckTolerance) aggregate.Tolerance {
	return aggregate.Tolerance{Relative: string(t.Relative), Absolute: string(t.Absolute), Overlap: string(t.Overlap)}
}
