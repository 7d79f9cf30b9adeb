package aggregate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"paritygate/compare"
	"paritygate/compare/aggregate/catalog"
)

// schema is a check of what two schemas are made of.
type schema struct{ scope *catalog.Scope }

func newSchema(c *Check) (inquiry, error) {
	scope, err := scopeOf(c)
	return &schema{scope: scope}, err
}

// scopeOf is what a check of schemas looks at.
func scopeOf(c *Check) (*catalog.Scope, error) {
	s := &catalog.Scope{Old: c.Old.Schema, New: c.New.Schema}
	for _, name := range []*string{&s.Old, &s.New} {
		if *name == "" {
			*name = "public"
		}
	}
	var errs []error
	for i, side := range []Side{c.Old, c.New} {
		if side.Table != "" || side.SQL != "" || side.Column != "" {
			errs = append(errs, fmt.Errorf("%s: a check of type %s takes a schema alone", sides[i], c.Type))
		}
	}
	for _, name := range c.Tables {
		table, err := parseTable(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("tables: %w", err))
			continue
		}
		s.Tables = append(s.Tables, table)
	}
	for _, from := range slices.Sorted(maps.Keys(c.Rename)) {
		r := catalog.Rename{Text: from}
		var err error
		if r.From, err = parseTable(from); err == nil {
			r.To, err = parseTable(c.Rename[from])
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("rename %s: %w", from, err))
			continue
		}
		s.Renames = append(s.Renames, r)
	}
	return s, errors.Join(errs...)
}

// match reads both catalogs and finds what belongs together.
func match(ctx context.Context, both *pair, scope *catalog.Scope) (catalogs [2]*catalog.Catalog, m *catalog.Match, err error) {
	err = onSides(ctx, func(ctx context.Context, i int) (err error) {
		catalogs[i], err = readCatalog(ctx, both.sides[i], []string{[]string{scope.Old, scope.New}[i]}, catalog.Structure)
		return err
	})
	if err == nil {
		m, err = catalog.NewMatch(scope, catalogs[0], catalogs[1])
	}
	return catalogs, m, err
}

func (s *schema) measure(ctx context.Context, both *pair, r *Result) error {
	_, m, err := match(ctx, both, s.scope)
	if err != nil {
		return err
	}
	judgeSchema(r, both.allowed, s.scope, m.Compare())
	return nil
}

// judgeSchema fills in what a comparison of schemas found. It is pure.
func judgeSchema(r *Result, allowed bounds, scope *catalog.Scope, c *catalog.Comparison) {
	if c.Sizes[0].Tables == 0 {
		r.inconclusive(fmt.Sprintf("Old has no tables in schema %s, so there is nothing to compare.", scope.Old))
		return
	}
	for i, of := range []**string{&r.Old, &r.New} {
		text := saidSize(c.Sizes[i])
		*of = &text
	}
	worst := ""
	if len(c.Findings) > 0 {
		worst = saidFinding(c.Findings[0])
	}
	if judgeFindings(r, allowed, c.Compared, c.Findings, worst) {
		r.Reason = fmt.Sprintf("New has what old has: %s.", *r.Old)
	}
	if len(c.Extra) > 0 {
		r.Reason += fmt.Sprintf(" New has %s more, which %s harm: %s.",
			counted(len(c.Extra), "thing", "things"), map[bool]string{true: "does no", false: "do no"}[len(c.Extra) == 1], saidList(c.Extra))
	}
}

func saidSize(s catalog.Size) string {
	return strings.Join([]string{
		counted(s.Tables, "table", "tables"), counted(s.Columns, "column", "columns"),
		counted(s.Keys, "key", "keys"), counted(s.Indexes, "other index", "other indexes"),
	}, ", ")
}

// saidList names some and counts the rest.
func saidList(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + counted(len(names)-most, "other", "others")
}

// judgeFindings judges how many of the things that were compared are not as they should be, and says whether there is none:
// then the reason is the caller's to give. The sentence says the worst.
func judgeFindings(r *Result, t bounds, compared int, findings []catalog.Finding, worst string) (none bool) {
	number := int64(len(findings))
	d := apart{distance: big.NewRat(number, 1), larger: big.NewRat(int64(max(compared, len(findings))), 1)}
	variance := d.variance()
	r.Verdict, r.Variance = Pass, &variance
	if number == 0 {
		return true
	}
	allowed := d.allowed(t)
	r.Reason = fmt.Sprintf("New differs from old in %s of %s compared (%s); the worst is %s",
		grouped(fmt.Sprint(number)), counted(compared, "thing", "things"), saidClasses(findings), worst)
	if d.distance.Cmp(allowed) <= 0 {
		r.Reason += fmt.Sprintf("; that is within the %s allowed.", exact(allowed))
		return false
	}
	r.Reason += "."
	r.Verdict = Fail
	for _, f := range findings {
		difference := Difference{Key: f.Key, Kind: kindOf(f), Class: string(f.Class)}
		for _, text := range []struct {
			from string
			to   **string
		}{{f.Old, &difference.Old}, {f.New, &difference.New}} {
			if text.from != "" {
				short := shorten(text.from)
				*text.to = &short
			}
		}
		r.addDifference(difference)
	}
	return false
}

func kindOf(f catalog.Finding) compare.Kind {
	switch {
	case f.Class == catalog.Missing:
		return compare.KindMissing
	case f.Old == "" && f.Class != catalog.Behind:
		return compare.KindExtra
	case f.Types:
		return compare.KindType
	}
	return compare.KindValue
}

// saidClasses counts the findings of each class.
func saidClasses(findings []catalog.Finding) string {
	var out []string
	for _, class := range []struct {
		is   catalog.Class
		said string
	}{{catalog.Missing, "missing"}, {catalog.Narrower, "narrower"}, {catalog.Differs, "different"}, {catalog.Behind, "behind"}} {
		n := 0
		for _, f := range findings {
			if f.Class == class.is {
				n++
			}
		}
		if n > 0 {
			out = append(out, grouped(fmt.Sprint(n))+" "+class.said)
		}
	}
	return strings.Join(out, ", ")
}

func saidFinding(f catalog.Finding) string {
	old, new := shorten(f.Old), shorten(f.New)
	switch {
	case f.Old == "":
		return fmt.Sprintf("%s, which only new has: %s", f.Key, new)
	case f.Sought != "":
		return fmt.Sprintf("%s, which new does not have as %s: %s on old", f.Key, f.Sought, old)
	case f.New == "":
		return fmt.Sprintf("%s, which new does not have: %s on old", f.Key, old)
	}
	return fmt.Sprintf("%s: %s on old, %s on new", f.Key, old, new)
}
