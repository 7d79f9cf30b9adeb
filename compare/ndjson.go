package compare

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// compareRecords compares two sequences of JSON texts as arrays of records.
func compareRecords(c *Comparer, old, new part, rec *recorder) outcome {
	a, oldErr := c.recordsJSON(&old)
	b, newErr := c.recordsJSON(&new)
	if errors.Is(oldErr, errTooComplex) || errors.Is(newErr, errTooComplex) {
		return outcome{tooComplex: true}
	}
	if oldErr != nil || newErr != nil {
		return outcome{old: oldErr, new: newErr}
	}
	return c.json.compare(a, b, rec)
}

// recordsJSON writes a sequence of JSON texts as an array. Blank lines are no records. The error is errTooComplex, or says which
// record is no JSON.
func (c *Comparer) recordsJSON(p *part) ([]byte, error) {
	t := c.rewriter(len(p.body))
	t.out = append(t.out, '[')
	var d document
	separator := recordSeparator(p.media)
	left, number := p.body, 0
	for more := true; more; {
		var text []byte
		number++
		text, left, more = bytes.Cut(left, separator)
		if text = bytes.Trim(text, " \t\r\n"); len(text) == 0 {
			continue
		}
		if err := d.parse(text, max(t.nodes, 0)); err != nil {
			if errors.Is(err, errTooComplex) {
				return nil, err
			}
			return nil, fmt.Errorf("%s %d: %w", recordWord(separator), number, err)
		}
		if !t.spend(len(d.nodes)) {
			return nil, errTooComplex
		}
		t.separate()
		t.out = append(t.out, text...)
	}
	return append(t.out, ']'), nil
}

// recordSeparator returns what stands between the records: the record separator in front of each in a JSON text sequence (RFC 7464),
// else a line's end.
func recordSeparator(media string) []byte {
	if strings.HasSuffix(media, "json-seq") {
		return []byte{0x1e}
	}
	return []byte{'\n'}
}

func recordWord(separator []byte) string {
	if separator[0] == '\n' {
		return "line"
	}
	return "text"
}
