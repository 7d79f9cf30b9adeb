package aggregate

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// maxIdentifier is PostgreSQL's limit in bytes; it cuts longer names off, and would ask another table.
const maxIdentifier = 63

// statements are what is sent for the two sides. They may have the placeholder of Settled in them.
func (c *Check) statements() (statements [2]string, err error) {
	var errs []error
	for i, side := range []Side{c.Old, c.New} {
		if side.HTTP != nil {
			continue // its question has all that is asked
		}
		if c.Settled != nil {
			side.where = " WHERE " + c.settled(i)
		}
		statements[i], err = side.statement(c.Type)
		if err == nil && c.Settled != nil {
			err = c.Settled.placed(statements[i])
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", sides[i], err))
		}
	}
	return statements, errors.Join(errs...)
}

// statement is what is sent for a side of a check.
func (s Side) statement(t Type) (string, error) {
	switch {
	case s.Table != "" && s.SQL != "":
		return "", errors.New("give a table or sql, not both")
	case s.Table != "":
		if t == Distribution {
			return s.countPerValue()
		}
		if t != Count {
			return "", fmt.Errorf("a check of type %s needs sql, not a table", t)
		}
		table, err := parseTable(s.Table)
		if err != nil {
			return "", err
		}
		return "SELECT count(*) FROM " + table.Sanitize() + s.where, nil
	case s.SQL != "":
		return s.SQL, readsOnly(s.SQL)
	case t == Count:
		return "", errors.New("give a table or sql")
	case t == Distribution:
		return "", errors.New("give a table and its column, or sql")
	default:
		return "", errors.New("give sql")
	}
}

// countPerValue asks how often each value is in the column. What is grouped is the value itself, so that 1 and 1.0 are one
// bucket where they are one value.
func (s Side) countPerValue() (string, error) {
	if s.Column == "" {
		return "", errors.New("give the column of the table whose values are counted")
	}
	table, err := parseTable(s.Table)
	if err != nil {
		return "", err
	}
	if err := goodIdentifier(s.Column); err != nil {
		return "", fmt.Errorf("column %q: %w", s.Column, err)
	}
	return fmt.Sprintf("SELECT %s, count(*) FROM %s%s GROUP BY 1", pgx.Identifier{s.Column}.Sanitize(), table.Sanitize(), s.where), nil
}

// parseTable splits `table`, `schema.table`, `"odd.name"`; within double quotes a double quote is written twice.
func parseTable(name string) (pgx.Identifier, error) {
	var parts pgx.Identifier
	for rest := name; ; {
		part, after, err := cutIdentifier(rest)
		if err != nil {
			return nil, fmt.Errorf("table %q: %w", name, err)
		}
		parts = append(parts, part)
		if after == "" {
			break
		}
		rest = after[1:] // the dot
	}
	if len(parts) > 2 {
		return nil, fmt.Errorf("table %q: want table or schema.table; a name with a dot in it goes in double quotes", name)
	}
	return parts, nil
}

// cutIdentifier takes the first identifier; what is left is empty or begins with a dot.
func cutIdentifier(s string) (part, rest string, err error) {
	if quoted, ok := strings.CutPrefix(s, `"`); ok {
		var b strings.Builder
		for {
			before, after, found := strings.Cut(quoted, `"`)
			if !found {
				return "", "", errors.New("a double quote is not closed")
			}
			b.WriteString(before)
			if quoted, found = strings.CutPrefix(after, `"`); !found {
				part, rest = b.String(), after
				break
			}
			b.WriteByte('"')
		}
		if rest != "" && rest[0] != '.' {
			return "", "", errors.New("a dot must follow the closing double quote")
		}
	} else {
		part = s
		if dot := strings.IndexByte(s, '.'); dot >= 0 {
			part, rest = s[:dot], s[dot:]
		}
	}
	return part, rest, goodIdentifier(part)
}

func goodIdentifier(name string) error {
	switch {
	case name == "":
		return errors.New("a part of the name is empty")
	case len(name) > maxIdentifier:
		return fmt.Errorf("%q is longer than PostgreSQL's %d bytes", name, maxIdentifier)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return errors.New("not valid text")
	}
	return nil
}

// readsOnly refuses what does not begin as a query. It is there for a clear message at load; what keeps the data safe is
// the read-only transaction, and the protocol, which takes one statement.
func readsOnly(sql string) error {
	word := skipComments(sql)
	for strings.HasPrefix(word, "(") {
		word = skipComments(word[1:])
	}
	end := 0
	for end < len(word) && (word[end]|0x20 >= 'a' && word[end]|0x20 <= 'z') {
		end++
	}
	switch strings.ToUpper(word[:end]) {
	case "SELECT", "WITH", "VALUES", "TABLE":
		return nil
	}
	return errors.New("sql: want one query that begins with SELECT, WITH, VALUES or TABLE")
}

// skipComments drops white space and comments at the beginning. Block comments nest, as in PostgreSQL.
func skipComments(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			sql = sql[blockComment(sql):]
		default:
			return sql
		}
	}
}

// blockComment is the length of the comment that s begins with.
func blockComment(s string) int {
	depth := 0
	for i := 0; i < len(s)-1; i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(s)
}
