package compare

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// rowsOf reads a JSON array of arrays of strings.
func rowsOf(t *testing.T, text []byte) [][]string {
	t.Helper()
	var rows [][]string
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return rows
}

// Where package csv reads a table, it reads the same cells, but for what this package knows better: blank lines in one column, lone
// carriage returns, and line ends within quotes.
func FuzzTable(f *testing.F) {
	for _, s := range []string{"a,b\r\n1,\"2\"\n", "\"a\"\"b\",\n\n", "\ufeff\"a\"", "a\"b,\"c\"d", "\"\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p := part{body: text, media: "text/csv"}
		table, err := readTable(&p, 1<<12)
		if errors.Is(err, errTooComplex) {
			return
		}
		r := csv.NewReader(bytes.NewReader(text))
		r.FieldsPerRecord = -1
		want, theirs := r.ReadAll()
		if !utf8.Valid(text) || bytes.ContainsRune(text, '\r') || theirs != nil || bytes.HasPrefix(text, []byte(bom)) {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		out, _ := table.rows(&rewriter{maxBytes: 1 << 30, nodes: 1 << 20})
		got := rowsOf(t, out)
		got = slices.DeleteFunc(got, func(row []string) bool { return len(row) == 1 && row[0] == "" })
		want = slices.DeleteFunc(want, func(row []string) bool { return len(row) == 1 && row[0] == "" })
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("%q: %q, package csv: %q", text, got, want)
		}
	})
}

// Where package url reads a form, it reads the same values.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"a=1&b=%20+x&a=2", "&&=&a", "%zz=%", "%C3%A9=\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		form, ok := readForm(text, 1<<12)
		if !ok {
			return
		}
		got := url.Values{}
		for _, x := range form.fields {
			for _, v := range append([]span{x.first}, x.others...) {
				name := unquoted([]byte(x.name))
				got[name] = append(got[name], unquoted(form.texts[v.start:v.end]))
			}
		}
		want, err := url.ParseQuery(string(text))
		if err != nil {
			return // it refuses semicolons and lone percent signs
		}
		for name, values := range want {
			for i := range values {
				if !utf8.ValidString(name + values[i]) {
					return
				}
			}
			if !slices.Equal(got[name], values) {
				t.Fatalf("%q: %q: %q, package url: %q", text, name, got[name], values)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %q, package url: %q", text, got, want)
		}
	})
}

// Where package multipart reads parts, it reads the same bodies.
func FuzzMultipart(f *testing.F) {
	for _, s := range []string{"--b\r\n\r\nx\r\n--b--", "pre\r\n--b\r\nA: b\r\n c\r\n\r\nx\r\n--b \r\n\r\n--b--\r\nepilogue", "--b\n--b--", "--b\n\nx\n--bc\n--b--"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p := part{body: text, declared: "multipart/mixed; boundary=b", media: "multipart/mixed"}
		parts, err := readMultipart(&p, 1<<12)
		for i := range parts {
			if !bytes.Equal(text[parts[i].start:][:len(parts[i].body)], parts[i].body) {
				t.Fatalf("%q: part %d is not at %d", text, i, parts[i].start)
			}
		}
		// Package multipart is strict where bodies mix line ends, and lenient where they end early.
		if err != nil || bytes.Contains(bytes.ReplaceAll(text, []byte("\r\n"), nil), []byte("\n")) || bytes.Contains(text, []byte("\r\r")) {
			return
		}
		r := multipart.NewReader(bytes.NewReader(text), "b")
		for i := range parts {
			theirs, err := r.NextRawPart()
			if err != nil {
				return
			}
			want, err := io.ReadAll(theirs)
			if err != nil {
				return
			}
			if !bytes.Equal(want, parts[i].body) {
				t.Fatalf("%q: part %d: %q, package multipart: %q", text, i, parts[i].body, want)
			}
		}
	})
}

// Whatever two bodies are called and hold: no panic, one verdict in both directions, and each matches itself.
func FuzzContent(f *testing.F) {
	types := []string{
		"", "application/json", "application/x-ndjson", "application/json-seq", "text/csv", "text/tab-separated-values", "text/plain",
		"application/x-www-form-urlencoded", "multipart/mixed; boundary=b", "image/png",
	}
	rules := []Rule{{Path: "$", CSV: &CSV{Header: true}}, {Path: "$[*].n", Number: &Number{Absolute: "1"}}, {Path: "$..i", Ignore: IgnoreAll}, {Path: "$[0]", Unordered: Multiset}}
	plain := comparer(f)
	ruled, err := New(Options{Rules: rules, MaxNodes: 1 << 12})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("{\"n\":1}\n", "{\"n\":2}", uint8(2), uint8(2))
	f.Add("n,i\n1,2", "i,n\n\"3\",1.5", uint8(4), uint8(4))
	f.Add("a=1&a=2&i=", "a=1", uint8(7), uint8(7))
	f.Add("--b\n\nx\n--b--", "--b\nContent-Type: application/json\n\n{\"i\":1}\n--b--", uint8(8), uint8(8))
	red := redactor(f, "$..i")
	f.Fuzz(func(t *testing.T, old, new string, oldType, newType uint8) {
		of := func(body string, media uint8) *Answer {
			if name := types[int(media)%len(types)]; name != "" {
				return answer(200, body, ct, name)
			}
			return answer(200, body)
		}
		a, b := of(old, oldType), of(new, newType)
		for _, c := range []*Comparer{plain, ruled} {
			there, back := c.Compare(a, b), c.Compare(b, a)
			if there.Verdict != back.Verdict {
				t.Fatalf("%+v there, %+v back", there, back)
			}
			if same := c.Compare(a, of(old, oldType)); same.Verdict != Match {
				t.Fatalf("not equal to itself: %+v", same)
			}
			for _, d := range there.Differences {
				// Bytes that are no text become halves of surrogate pairs, which no path can be read with.
				if d.Path != "" && d.Location == InBody && !strings.Contains(d.Path, `\udc`) {
					if _, err := ParsePath(d.Path); err != nil {
						t.Fatalf("path %q: %v", d.Path, err)
					}
				}
				red.InAnswers(d, a, b, nil)
			}
		}
		red.Body(a, func(name string) bool { return strings.HasPrefix(name, "s") })
	})
}
