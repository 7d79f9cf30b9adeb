package compare_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/url"
	"slices"
	"sort"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"paritygate/compare"

	"paritygate/internal/testkit"
)

// second is how another parser reads bodies of a type: what it makes of them, in words that are equal where the bodies are.
type second struct {
	name, media string
	seeds       []string
	marks       []string // what is put in or taken out
	read        func(body string) (string, error)
	// broken says that what the other parser refuses may still match.
	broken bool
	// before stands in front of every body, untouched.
	before string
}

var seconds = []second{
	{
		name: "table", media: "text/csv", read: readCSV, broken: true, // encoding/csv is stricter about quotes
		seeds: []string{"a,b\n1,2\n3,\"4\"\n", "\"a\"\"b\",c\r\n\"d\ne\",f\r\n", "a\n\nb\n", ",\n,\n", "a,b"},
		marks: []string{",", "\n", "\r\n", "\r", `"`, `""`, " ", "a", "1", "\ufeff"},
	},
	{
		name: "form", media: "application/x-www-form-urlencoded", read: readForm, broken: true, // net/url refuses what it cannot decode
		seeds: []string{"a=1&b=2&a=3", "a=%41+b&c", "x=%C3%A9&y=%26%3D", "&&a==b&=c"},
		marks: []string{"&", "=", "+", "%20", "%", "%4", "%41", "A", "a", "b", ";", "%00", "%ff", "\n"},
	},
	{
		name: "lines", media: "application/x-ndjson", read: readLines,
		seeds: []string{"{\"a\":1}\n{\"b\":[1,2]}\n", "1\n2\r\n\"x\"", "null\n\ntrue\n"},
		marks: []string{"\n", "\r\n", "\r", " ", ",", "1", "[", "]", "{", "}", `"`, ".0", "e0", ":"},
	},
	{
		name: "XML", media: "application/xml", read: readXML,
		seeds: []string{
			`<a x="1" y='2'><b>t</b><b/> </a>`, `<p:a xmlns:p="u"><p:b p:c="1" c="2">x&amp;y</p:b></p:a>`, `<a xmlns="u"><b xmlns=""/><c><![CDATA[<]]>d</c></a>`,
			`<?xml version="1.0"?><a>x<b>y</b>z</a>`,
		},
		marks: []string{"<b>", "</b>", "<b/>", " ", "\n", "x", "&amp;", "&#65;", "<!-- c -->", "<![CDATA[x]]>", ` x="3"`, ` xmlns="v"`, ` xmlns:q="u"`, "p:", "<", ">", "&", "]]>", `"`, "\r"},
	},
	{
		name: "HTML", media: "text/html", read: readHTML, before: "<!doctype html><body>",
		seeds: []string{
			`<p class="a b">x <b>y</b></p><pre> z
 w</pre>`, `<ul><li>a<li>b</ul><textarea> c </textarea>`, `<table><tr><td>1<td>2</table><script>a  b</script>`, `<p>a&amp;b<br>c<img src=d></p>`,
		},
		marks: []string{"<p>", "</p>", "<b>", "</b>", "<li>", "<!--c-->", " ", "\n", "x", "&lt;", "&nbsp;", ` id="1"`, ` id=1`, "<pre>", "</pre>", "<", ">", "&", "<td>", "<br>", `"`, "<script>", "\u00a0", "\x00"},
	},
	{
		name: "parts", media: "multipart/mixed; boundary=x", read: readParts,
		broken: true, // mime/multipart wants all line ends to be alike
		seeds:  []string{"--x\r\nContent-Type: text/plain\r\n\r\na\r\n--x\r\n\r\nb\r\n--x--\r\n", "p\r\n--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\ne"},
		marks:  []string{"\r\n", "--x", "--x--", "--", "a", " ", "\r\n--x\r\n\r\n", "Content-Type: text/html\r\n", ":", "\t"},
	},
}

func readCSV(body string) (string, error) {
	r := csv.NewReader(strings.NewReader(body))
	r.FieldsPerRecord = -1
	if body = strings.ReplaceAll(body, "\r\n", "\n"); strings.HasPrefix(body, "\n") || strings.Contains(body, "\n\n") {
		return "", errors.New("encoding/csv leaves out blank lines, which may be cells")
	}
	all, err := r.ReadAll()
	return fmt.Sprintf("%q", all), err
}

func readForm(body string) (string, error) {
	values, err := url.ParseQuery(body)
	delete(values, "")
	return fmt.Sprintf("%q", values), err
}

func readLines(body string) (string, error) {
	var out strings.Builder
	for line := range strings.SplitSeq(body, "\n") {
		if line = strings.Trim(line, " \t\r"); line == "" {
			continue
		}
		if !json.Valid([]byte(line)) || !utf8.ValidString(line) {
			return "", errors.New("a line is no JSON")
		}
		var v any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "%#v\n", v)
	}
	return out.String(), nil
}

// readXML writes the tree without white space, which a comparison may or may not count.
func readXML(body string) (string, error) {
	var out strings.Builder
	if strings.HasPrefix(body, "<?xml ") {
		_, body, _ = strings.Cut(body, "?>")
	}
	d := xml.NewDecoder(strings.NewReader(body))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out.String(), nil
		}
		if err != nil {
			return "", err
		}
		switch v := token.(type) {
		case xml.StartElement:
			attributes := []string{}
			for _, a := range v.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					attributes = append(attributes, fmt.Sprintf("%q=%q", a.Name, strings.Join(strings.Fields(a.Value), "")))
				}
			}
			sort.Strings(attributes)
			fmt.Fprintf(&out, "<%q %s>", v.Name, attributes)
		case xml.EndElement:
			out.WriteString("</>")
		case xml.CharData:
			out.WriteString(strings.Join(strings.Fields(string(v)), ""))
		}
	}
}

// readHTML writes the tree without white space but in `pre`, `textarea`, `script` and `style`.
func readHTML(body string) (string, error) {
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return "", err
	}
	var out strings.Builder
	var write func(n *html.Node, exact bool)
	write = func(n *html.Node, exact bool) {
		switch {
		case n.Type == html.TextNode && exact:
			fmt.Fprintf(&out, "%q", n.Data)
			return
		case n.Type == html.TextNode:
			out.WriteString(strings.Join(strings.FieldsFunc(n.Data, func(r rune) bool { return strings.ContainsRune(" \t\r\n\f", r) }), ""))
			return
		default:
			attributes := map[string]string{}
			for _, a := range n.Attr {
				if _, ok := attributes[a.Namespace+":"+a.Key]; !ok {
					attributes[a.Namespace+":"+a.Key] = a.Val
				}
			}
			fmt.Fprintf(&out, "<%d %s", n.Type, n.Data)
			for _, k := range slices.Sorted(maps.Keys(attributes)) {
				fmt.Fprintf(&out, " %s=%q", k, attributes[k])
			}
			out.WriteString(">")
		}
		exact = exact || n.Type == html.ElementNode && slices.Contains([]string{"pre", "textarea", "script", "style"}, n.Data)
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			write(c, exact)
		}
		out.WriteString("</>")
	}
	write(root, false)
	return out.String(), nil
}

func readParts(body string) (string, error) {
	if strings.Contains(strings.ReplaceAll(body, "\r\n", ""), "\n") {
		return "", errors.New("mime/multipart takes one kind of line end alone")
	}
	var out strings.Builder
	r := multipart.NewReader(strings.NewReader(body), "x")
	for {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return out.String(), nil
		}
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "%q\n", text)
	}
}

// edited puts some marks in, or takes something out.
func (m maker) edited(text string, marks []string, edits int) string {
	for range edits {
		i := m.IntN(len(text) + 1)
		if m.IntN(3) == 0 {
			text = text[:i] + text[min(len(text), i+1+m.IntN(4)):]
			continue
		}
		text = text[:i] + oneOf(m, marks) + text[i:]
	}
	return text
}

// judgeTwice compares two bodies, and complains if they match although the other parser reads two things. The other way round
// proves nothing: what counts as equal spelling is more than parsers say.
func judgeTwice(t testing.TB, s *second, old, new string) (matched bool) {
	t.Helper()
	old, new = s.before+old, s.before+new
	body := func(text string) *compare.Answer {
		a := jsonAnswer(text)
		a.Header["Content-Type"] = []string{s.media}
		return a
	}
	if comparerFor(t, nil).Compare(body(old), body(new)).Verdict != compare.Match || old == new {
		return false
	}
	a, errA := s.read(old)
	b, errB := s.read(new)
	if errA != nil || errB != nil {
		if !s.broken {
			t.Fatalf("%q and %q match, and the other parser cannot read them: %v, %v", old, new, errA, errB)
		}
		return true
	}
	if a != b {
		t.Fatalf("%q and %q match; another parser reads\n%s\n%s", old, new, a, b)
	}
	return true
}

// What matches is the same to another parser as well.
func TestMatchesAreReal(t *testing.T) {
	for i := range seconds {
		s := &seconds[i]
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			m := newMaker(uint64(40 + i))
			matched := 0
			for range testkit.Rounds(4000) {
				old := m.edited(oneOf(m, s.seeds), s.marks, m.IntN(4))
				if judgeTwice(t, s, old, m.edited(old, s.marks, 1+m.IntN(3))) {
					matched++
				}
			}
			if matched < testkit.Rounds(40) {
				t.Errorf("only %d matched: the test says little", matched)
			}
		})
	}
}

// The same on bodies that the fuzzer writes.
func FuzzMatchesAreReal(f *testing.F) {
	for i, s := range seconds {
		for _, seed := range s.seeds {
			f.Add(byte(i), []byte(seed), uint64(i))
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte, seed uint64) {
		s := &seconds[int(kind)%len(seconds)]
		m := newMaker(seed)
		judgeTwice(t, s, string(body), m.edited(string(bytes.Clone(body)), s.marks, 1+m.IntN(3)))
	})
}
