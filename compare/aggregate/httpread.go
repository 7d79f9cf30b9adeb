package aggregate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"paritygate/compare"
)

// shape is what the value at a path must be.
type shape uint8

const (
	oneValue  shape = iota
	twoValues       // an array of two
	manyRows        // an array of arrays or of objects
	counts          // a table, or an object whose members are the buckets
)

// shapes are those of the types of check that endpoints can answer.
var shapes = map[Type]shape{
	Count: oneValue, Scalar: oneValue, Ratio: twoValues, Top: manyRows, Rows: manyRows, Distribution: counts,
}

func shapeOf(t Type) (shape, error) {
	s, ok := shapes[t]
	if !ok {
		return 0, fmt.Errorf("http: a check of type %s needs databases", t)
	}
	return s, nil
}

// read makes the rows of a body's value.
func (q *question) read(body []byte, most int) (*answer, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, errors.New("the endpoint's answer is not valid JSON in UTF-8")
	}
	raw, err := q.find(body)
	if err != nil {
		return nil, err
	}
	var a *answer
	switch q.shape {
	case oneValue:
		a, err = tableOf([]json.RawMessage{fmt.Appendf(nil, "[%s]", raw)})
	case twoValues:
		if a, err = tableOf([]json.RawMessage{raw}); err == nil && (len(a.columns) != 2 || !a.unnamed) {
			err = errors.New("must be an array of two values, numerator and denominator")
		}
	case manyRows, counts:
		a, err = q.rows(raw)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s in the endpoint's answer: %w", q.Value, err)
	case len(a.rows) > most:
		return nil, fmt.Errorf("%s in the endpoint's answer: %w, %s", q.Value, errTooManyRows, grouped(strconv.Itoa(most)))
	}
	return a, nil
}

// rows reads an array, or what stands for one.
func (q *question) rows(raw json.RawMessage) (*answer, error) {
	switch {
	case raw[0] == '{' && q.shape == counts:
		buckets, err := members(raw)
		if err != nil {
			return nil, err
		}
		list := make([]json.RawMessage, len(buckets))
		for i, m := range buckets {
			name, _ := json.Marshal(m.name) // a string
			list[i] = fmt.Appendf(nil, "[%s,%s]", name, m.value)
		}
		return tableOf(list)
	case raw[0] != '[':
		return nil, errors.New("must be an array of arrays or of objects")
	}
	list, err := elements(raw)
	if err != nil {
		return nil, err
	}
	return tableOf(list)
}

// find follows the steps to the value.
func (q *question) find(raw json.RawMessage) (json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	for _, step := range q.steps {
		next, err := follow(raw, step)
		if err != nil {
			return nil, fmt.Errorf("%s in the endpoint's answer: %w", q.Value, err)
		}
		if next == nil {
			return nil, fmt.Errorf("the endpoint's answer has nothing at %s", q.Value)
		}
		raw = next
	}
	return raw, nil
}

// follow returns nil if the step leads nowhere.
func follow(raw json.RawMessage, step compare.Step) (json.RawMessage, error) {
	switch {
	case step.Index >= 0 && raw[0] == '[':
		list, err := elements(raw)
		if err != nil || step.Index >= len(list) {
			return nil, err
		}
		return list[step.Index], nil
	case step.Index < 0 && raw[0] == '{':
		list, err := members(raw)
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			if m.name == step.Name {
				return m.value, nil
			}
		}
	}
	return nil, nil
}

type member struct {
	name  string
	value json.RawMessage
}

// members returns an object's members in their order. A name that is there twice has no one value.
func members(raw json.RawMessage) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var list []member
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: fmt.Sprint(name)}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		if seen[m.name] {
			return nil, errors.New("an object has the same name twice")
		}
		seen[m.name] = true
		list = append(list, m)
	}
	return list, nil
}

func elements(raw json.RawMessage) (list []json.RawMessage, err error) {
	return list, json.Unmarshal(raw, &list)
}

// tableOf makes rows of arrays, or of objects. A member that an object lacks is NULL.
func tableOf(list []json.RawMessage) (*answer, error) {
	a := &answer{web: true, unnamed: true}
	at := map[string]int{}
	for i, raw := range list {
		var cells []member
		var err error
		switch {
		case raw[0] == '{':
			cells, err = members(raw)
		case raw[0] == '[':
			var values []json.RawMessage
			values, err = elements(raw)
			for n, v := range values {
				cells = append(cells, member{name: strconv.Itoa(n + 1), value: v})
			}
		default:
			return nil, errors.New("must be an array of arrays or of objects")
		}
		if err != nil {
			return nil, err
		}
		unnamed := raw[0] == '['
		if i == 0 {
			a.unnamed = unnamed
		}
		if unnamed != a.unnamed || unnamed && i > 0 && len(cells) != len(a.columns) {
			return nil, errors.New("its elements are not of one form")
		}
		if err := a.append(cells, at); err != nil {
			return nil, err
		}
	}
	a.finish()
	return a, nil
}

// append adds a row; at has the columns that are known by their names.
func (a *answer) append(cells []member, at map[string]int) error {
	row := make([]value, len(a.columns), len(a.columns)+len(cells))
	for i := range row {
		row[i] = value{null: true}
	}
	for _, m := range cells {
		v, oid, err := cell(m.value)
		if err != nil {
			return err
		}
		n, known := at[m.name]
		if !known {
			n = len(a.columns)
			at[m.name] = n
			a.columns = append(a.columns, column{name: m.name})
			row = append(row, value{})
		}
		row[n] = v
		switch c := &a.columns[n]; {
		case v.null || c.oid == oid:
		case c.oid == 0:
			c.oid = oid
		default:
			c.oid = pgtype.TextOID // values of several types
		}
	}
	a.rows = append(a.rows, row)
	return nil
}

// finish makes all rows as long as the last one, and gives a type to columns without a value.
func (a *answer) finish() {
	for i, row := range a.rows {
		for len(row) < len(a.columns) {
			row = append(row, value{null: true})
		}
		a.rows[i] = row
	}
	for i := range a.columns {
		if a.columns[i].oid == 0 {
			a.columns[i].oid = pgtype.TextOID
		}
	}
}

// cell makes of a JSON value what a database would write for it.
func cell(raw json.RawMessage) (v value, oid uint32, err error) {
	switch raw[0] {
	case 'n':
		return value{null: true}, 0, nil
	case 't', 'f':
		return value{text: string(raw[:1])}, pgtype.BoolOID, nil
	case '{', '[':
		return value{text: string(raw)}, pgtype.JSONBOID, nil
	case '"':
		if err = json.Unmarshal(raw, &v.text); err == nil && strings.Count(v.text, "\ufffd") >
			bytes.Count(raw, []byte("\ufffd"))+bytes.Count(bytes.ToLower(raw), []byte(`\ufffd`)) {
			err = errors.New("a text has half a surrogate pair in it")
		}
		return v, pgtype.TextOID, err
	}
	v.text, err = plainNumber(string(raw))
	v.number = true
	return v, pgtype.NumericOID, err
}

// maxWritten is more than any number of a database or of a float has.
const maxWritten = 1000

// plainNumber writes a number of JSON without its exponent.
func plainNumber(text string) (string, error) {
	mantissa, power, found := strings.Cut(strings.ToLower(text), "e")
	if !found {
		return text, nil
	}
	exponent, err := strconv.Atoi(power)
	if err != nil || exponent > maxWritten || exponent < -maxWritten {
		return "", errors.New("a number is too large or too small")
	}
	sign := ""
	if mantissa[0] == '-' {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits, point := whole+fraction, len(whole)+exponent
	if point <= 0 {
		digits, point = strings.Repeat("0", 1-point)+digits, 1
	}
	if point > len(digits) {
		digits += strings.Repeat("0", point-len(digits))
	}
	whole = strings.TrimLeft(digits[:point], "0")
	if whole == "" {
		whole = "0"
	}
	if fraction = strings.TrimRight(digits[point:], "0"); fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction, nil
}

// adopt makes an endpoint's answer fit what the other side gave: columns without names have the other's, and texts that are
// decimals are numbers where the other side's are, since many write large numbers as texts in JSON.
func (a *answer) adopt(other *answer) {
	switch {
	case !a.web:
		return
	case a.unnamed && len(a.rows) == 0:
		a.columns = other.columns
		return
	case a.unnamed && !other.unnamed && len(a.columns) == len(other.columns):
		for i := range a.columns {
			a.columns[i].name = other.columns[i].name
		}
	}
	for i, c := range a.columns {
		for j, o := range other.columns {
			same := c.name == o.name || i == j && len(a.columns) == len(other.columns)
			if same && c.oid == pgtype.TextOID && isNumber(o.oid) {
				a.numbers(i)
			}
		}
	}
}

// wholeDecimal is a number as texts in JSON have it. One with a zero before it is none: a code that must keep it.
var wholeDecimal = regexp.MustCompile(`^-?(?:0|[1-9][0-9]{0,399})(?:\.[0-9]{1,400})?$`)

// numbers makes a column one of numbers if all its values are decimals.
func (a *answer) numbers(column int) {
	for _, row := range a.rows {
		if v := row[column]; !v.null && !v.number && !wholeDecimal.MatchString(v.text) {
			return
		}
	}
	for _, row := range a.rows {
		row[column].number = !row[column].null
	}
	a.columns[column].oid = pgtype.NumericOID
}
