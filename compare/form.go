package compare

import "bytes"

// compareForm compares two urlencoded forms: as objects whose members are the fields. A field that one of them repeats is an
// array of its values in both.
func compareForm(c *Comparer, old, new part, rec *recorder) outcome {
	a, ok1 := readForm(old.body, c.maxNodes)
	b, ok2 := readForm(new.body, c.maxNodes)
	if !ok1 || !ok2 {
		return outcome{tooComplex: true}
	}
	oldText, ok1 := a.json(c.rewriter(len(old.body)), b)
	newText, ok2 := b.json(c.rewriter(len(new.body)), a)
	if !ok1 || !ok2 {
		return outcome{tooComplex: true}
	}
	return c.text.compare(oldText, newText, rec)
}

// form is a urlencoded form: the values of each field as JSON strings, by its name, which is one too.
type form struct {
	names  []string
	values map[string][][]byte
}

// readForm reads a form of at most so many values.
func readForm(body []byte, limit int) (*form, bool) {
	f := &form{values: make(map[string][][]byte)}
	for more := true; more; {
		var pair []byte
		pair, body, more = bytes.Cut(body, []byte("&"))
		if len(pair) == 0 {
			continue
		}
		if limit--; limit < 0 {
			return nil, false
		}
		name, value, _ := bytes.Cut(pair, []byte("="))
		key := string(appendFormText(nil, name))
		values, known := f.values[key]
		if !known {
			f.names = append(f.names, key)
		}
		f.values[key] = append(values, appendFormText(nil, value))
	}
	return f, true
}

// json writes the form as an object; the other one says which fields repeat besides its own.
func (f *form) json(t *rewriter, other *form) ([]byte, bool) {
	t.out = append(t.out, '{')
	for _, name := range f.names {
		values := f.values[name]
		repeats := len(values) > 1 || len(other.values[name]) > 1
		t.separate()
		t.out = append(append(t.out, name...), ':')
		if repeats {
			t.out = append(t.out, '[')
		}
		for i, value := range values {
			if i > 0 {
				t.out = append(t.out, ',')
			}
			t.out = append(t.out, value...)
		}
		if repeats {
			t.out = append(t.out, ']')
		}
		if !t.spend(1 + len(values)) {
			return nil, false
		}
	}
	return append(t.out, '}'), true
}

// appendFormText appends a name or a value as a JSON string. A percent sign that begins no escape is kept, as the code unit that
// stands for a stray byte, so that it never equals one that was escaped.
func appendFormText(out, text []byte) []byte {
	out = append(out, '"')
	var plain []byte
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '+':
			plain = append(plain, ' ')
		case b != '%':
			plain = append(plain, b)
		default:
			if value, ok := hexByte(text[i+1:]); ok {
				plain = append(plain, value)
				i += 2
				break
			}
			out = appendStrayByte(appendQuotedPart(out, plain), b)
			plain = plain[:0]
		}
	}
	return append(appendQuotedPart(out, plain), '"')
}

// hexByte reads two hexadecimal digits.
func hexByte(text []byte) (byte, bool) {
	if len(text) < 2 {
		return 0, false
	}
	r, ok := hex4([]byte{'0', '0', text[0], text[1]})
	return byte(r), ok
}
