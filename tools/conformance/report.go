package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
)

// record is the committed score of each suite: a case may fail only if it stands there, with the reason.
type record map[string]struct {
	// Cases is how many there are; fewer would mean that a suite was cut short.
	Cases int `json:"cases"`
	// Failing has the reason for each case that stays.
	Failing map[string]string `json:"failing"`
}

func loadRecord(path string) (record, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// report prints the table, and returns an error if something is worse than recorded.
func report(w io.Writer, rows []row, recorded record, verbose bool) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "suite\tpassed\tcases\tstdlib\trecorded")
	for _, r := range rows {
		control := "-"
		if r.control != nil {
			control = fmt.Sprint(passed(r.control))
		}
		was := recorded[r.suite]
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%d\n", r.suite, passed(r.outcomes), len(r.outcomes), control, was.Cases-len(was.Failing))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	worse := false
	for _, r := range rows {
		if explain(w, r, recorded, verbose) {
			worse = true
		}
	}
	if worse {
		return errors.New("worse than recorded, see above")
	}
	return nil
}

// explain prints why cases fail, and reports whether one does so without a recorded reason.
func explain(w io.Writer, r row, recorded record, verbose bool) (worse bool) {
	was := recorded[r.suite]
	if len(r.outcomes) < was.Cases {
		fmt.Fprintf(w, "\n%s: %d cases ran, recorded are %d\n", r.suite, len(r.outcomes), was.Cases)
		worse = true
	}
	for _, o := range r.outcomes {
		why, known := was.Failing[o.id]
		switch {
		case o.passed && known:
			fmt.Fprintf(w, "\n%s: %s\n  passes now; take it out of recorded.json\n", r.suite, o.id)
		case !o.passed && !known:
			fmt.Fprintf(w, "\n%s: %s\n  FAILS, and did not before: %s\n", r.suite, o.id, o.detail)
			worse = true
		case !o.passed:
			fmt.Fprintf(w, "\n%s: %s\n  %s\n", r.suite, o.id, why)
			if verbose {
				fmt.Fprintf(w, "  %s\n", o.detail)
			}
		}
	}
	if verbose {
		for _, o := range r.control {
			if !o.passed {
				fmt.Fprintf(w, "\nstdlib, %s: %s\n  %s\n", r.suite, o.id, o.detail)
			}
		}
	}
	return worse
}

func passed(all []outcome) int {
	return len(slices.DeleteFunc(slices.Clone(all), func(o outcome) bool { return !o.passed }))
}
