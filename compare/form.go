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

// form is a urlencoded form: the fields in the order in which their names first come.
type form struct {
	fields []field
	byName map[string]int // their numbers
	texts  []byte         // all values as JSON strings
}

// field is a field with its values, which are parts of the form's texts.
type field struct {
	name   string // as a JSON string
	first  span
	others []span
}

// readForm reads a form of at most so many values.
func readForm(body []byte, limit int) (*form, bool) {
	f := &form{byName: make(map[string]int)}
	var name []byte
	for more := true; more; {
		var pair []byte
		pair, body, more = bytes.Cut(body, []byte("&"))
		if len(pair) == 0 {
			continue
		}
		if limit--; limit < 0 {
			return nil, false
		}
		raw, text, _ := bytes.Cut(pair, []byte("="))
		name = appendFormText(name[:0], raw)
		start := len(f.texts)
		f.texts = appendFormText(f.texts, text)
		value := span{start, len(f.texts)}
		if i, known := f.byName[string(name)]; known {
			f.fields[i].others = append(f.fields[i].others, value)
		} else {
			key := string(name)
			f.byName[key] = len(f.fields)
			f.fields = append(f.fields, field{name: key, first: value})
		}
	}
	return f, true
}

// repeats reports whether the form has several values of a name.
func (f *form) repeats(name string) bool {
	i, ok := f.byName[name]
	return ok && len(f.fields[i].others) > 0
}

// json writes the form as an object; the other one says which fields repeat besides its own.
func (f *form) json(w *rewriter, other *form) ([]byte, bool) {
	w.out = append(w.out, '{')
	for i := range f.fields {
		x := &f.fields[i]
		w.separate()
		w.out = append(append(w.out, x.name...), ':')
		first := f.texts[x.first.start:x.first.end]
		if f.repeats(x.name) || other.repeats(x.name) {
			w.out = append(append(w.out, '['), first...)
			for _, v := range x.others {
				w.out = append(append(w.out, ','), f.texts[v.start:v.end]...)
			}
			w.out = append(w.out, ']')
		} else {
			w.out = append(w.out, first...)
		}
		if !w.spend(2 + len(x.others)) {
			return nil, false
		}
	}
	return append(w.out, '}'), true
}

// appendFormText appends a name or a value as a JSON string. A percent sign that begins no escape is kept, as the code unit that
// stands for a stray byte, so that it never equals one that was escaped.
func appendFormText(out, text []byte) []byte {
	out = append(out, '"')
	var plain []byte
	for len(text) > 0 {
		if bytes.IndexByte(text, '%') < 0 && bytes.IndexByte(text, '+') < 0 {
			out = appendQuotedPart(out, text)
			break
		}
		// What was escaped may be one character with what stands beside it.
		plain, text = appendPlain(plain[:0], text)
		if out = appendQuotedPart(out, plain); len(text) > 0 {
			out, text = appendStrayByte(out, '%'), text[1:]
		}
	}
	return append(out, '"')
}

// appendPlain appends text with its escapes undone up to a percent sign that begins none, and returns what is left from there on.
func appendPlain(plain, text []byte) (out, rest []byte) {
	for i := 0; i < len(text); i++ {
		switch b := text[i]; b {
		case '+':
			plain = append(plain, ' ')
		case '%':
			value, ok := hexByte(text[i+1:])
			if !ok {
				return plain, text[i:]
			}
			plain = append(plain, value)
			i += 2
		default:
			plain = append(plain, b)
		}
	}
	return plain, nil
}

// hexByte reads two hexadecimal digits.
func hexByte(text []byte) (byte, bool) {
	if len(text) < 2 {
		return 0, false
	}
	r, ok := hex4([]byte{'0', '0', text[0], text[1]})
	return byte(r), ok
}
