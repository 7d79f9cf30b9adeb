package compare

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bodies is two bodies of one type, and what is to be said of them.
type bodies struct {
	name, old, new string
	rules          []Rule
	verdict        Verdict
	differences    []string // kind and path of each
}

func checkBodies(t *testing.T, contentType string, tests []bodies) {
	t.Helper()
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c := comparer(t, tc.rules...)
			old, new := answer(200, tc.old, ct, contentType), answer(200, tc.new, ct, contentType)
			got := c.Compare(old, new)
			var where []string
			for _, d := range got.Differences {
				where = append(where, string(d.Kind)+" "+d.Path)
			}
			if got.Verdict != tc.verdict || !cmp.Equal(where, tc.differences) {
				t.Errorf("%s %s, %q: %+v", got.Verdict, got.Reason, where, got.Differences)
			}
			if back := c.Compare(new, old); back.Verdict != got.Verdict {
				t.Errorf("the other way round: %s %s %+v", back.Verdict, back.Reason, back.Differences)
			}
		})
	}
}

func TestCompareXML(t *testing.T) {
	const list = `<r><i><id>1</id><p>5.00</p></i><i><id>2</id><p>7</p></i></r>`
	checkBodies(t, "application/xml", []bodies{
		{name: "attribute order and quotes", old: `<a x="1" y='2'/>`, new: `<a y="2"  x='1' ></a>`, verdict: Match},
		{name: "references", old: `<a x="&lt;&#65;">&amp;&#x42;</a>`, new: `<a x="&#60;A"><![CDATA[&]]>B</a>`, verdict: Match},
		{name: "CDATA is text", old: `<a>x<![CDATA[<b>]]>y</a>`, new: `<a>x&lt;b&gt;y</a>`, verdict: Match},
		{name: "prefixes", old: `<a xmlns="u"><b/></a>`, new: `<p:a xmlns:p="u" xmlns:q="u"><q:b/></p:a>`, verdict: Match},
		{name: "attributes have prefixes", old: `<a xmlns:p="u" p:x="1"/>`, new: `<a xmlns:q="u" q:x="1"/>`, verdict: Match},
		{name: "namespaces", old: `<a xmlns="u"><b/></a>`, new: `<a xmlns="v"><b/></a>`, verdict: Mismatch, differences: []string{"type $.a"}},
		{name: "one prefix, two namespaces", old: `<p:a xmlns:p="u"/>`, new: `<p:a xmlns:p="v"/>`, verdict: Mismatch, differences: []string{"type $.a"}},
		{name: "an attribute is in no default namespace", old: `<p:a xmlns:p="u" x="1"/>`, new: `<p:a xmlns:p="u" p:x="1"/>`, verdict: Mismatch, differences: []string{"missing $.a['@x']", "extra $.a['@x']"}},
		{name: "the declaration", old: `<?xml version="1.0" encoding="UTF-8"?><a/>`, new: `<a/>`, verdict: Match},
		{name: "comments", old: `<a><!-- x -->1<!-- y -->2</a>`, new: `<a>12</a>`, verdict: Match},
		{name: "instructions", old: `<a><?x y?></a>`, new: `<a><?x z?></a>`, verdict: Mismatch, differences: []string{"value $.a['?x']"}},
		{name: "a document type", old: `<!DOCTYPE a SYSTEM "x"><a/>`, new: `<!DOCTYPE  a  SYSTEM "x" ><a/>`, verdict: Match},
		{name: "another document type", old: `<!DOCTYPE a SYSTEM "x"><a/>`, new: `<!DOCTYPE a SYSTEM "y"><a/>`, verdict: Mismatch, differences: []string{"value $['#doctype']"}},
		{name: "an entity of the document", old: `<!DOCTYPE a [<!ENTITY e "1">]><a>&e;</a>`, new: `<a>1</a>`, verdict: Skipped},
		{name: "an entity that is not expanded by default", old: `<a>&nbsp;</a>`, new: `<a>1</a>`, verdict: Mismatch, differences: []string{"invalid $"}},
		{name: "white space between elements", old: "<a>\n  <b>1</b>\n  <c/>\n</a>\n", new: `<a><b>1</b><c/></a>`, verdict: Match},
		{name: "white space in a text", old: `<a> 1</a>`, new: `<a>1</a>`, verdict: Mismatch, differences: []string{"value $.a"}},
		{name: "white space alone", old: `<a> </a>`, new: `<a/>`, verdict: Mismatch, differences: []string{"value $.a"}},
		{name: "white space in mixed content", old: `<a>x <b/> <c/></a>`, new: `<a>x <b/><c/></a>`, verdict: Mismatch, differences: []string{"missing $.a['#text'][1]"}},
		{name: "preserved white space", old: `<a xml:space="preserve"><b/> </a>`, new: `<a xml:space="preserve"><b/></a>`, verdict: Mismatch, differences: []string{"missing $.a['#text']"}},
		{name: "white space by reference", old: `<a>x&#13;&#10;</a>`, new: "<a>x\r\n</a>", verdict: Mismatch, differences: []string{"value $.a"}},
		{name: "line endings", old: "<a>x\r\ny\rz</a>", new: "<a>x\ny\nz</a>", verdict: Match},
		{name: "white space in attributes", old: "<a x='1\n2'/>", new: "<a x='1 2'/>", verdict: Match},
		{name: "a text", old: `<a><b>1</b></a>`, new: `<a><b>2</b></a>`, verdict: Mismatch, differences: []string{"value $.a.b"}},
		{name: "numbers are texts", old: `<a>1</a>`, new: `<a>1.0</a>`, verdict: Mismatch, differences: []string{"value $.a"}},
		{name: "an attribute", old: `<a x="1" y="2"/>`, new: `<a x="2" z="1"/>`, verdict: Mismatch, differences: []string{"value $.a['@x']", "missing $.a['@y']", "extra $.a['@z']"}},
		{name: "an element that is missing", old: `<a><b/><c/></a>`, new: `<a><c/></a>`, verdict: Mismatch, differences: []string{"missing $.a.b"}},
		{name: "an element of many", old: list, new: strings.Replace(list, "<p>7", "<p>8", 1), verdict: Mismatch, differences: []string{"value $.r.i[1].p"}},
		{name: "an element of many that is missing", old: `<r><i>1</i><i>2</i><i>3</i><i>4</i></r>`, new: `<r><i>1</i><i>3</i><i>4</i></r>`, verdict: Mismatch, differences: []string{"missing $.r.i[1]"}},
		{name: "the order of elements", old: `<a><b/><c/></a>`, new: `<a><c/><b/></a>`, verdict: Mismatch, differences: []string{"value $.a"}},
		{name: "the order of equal names", old: `<a><b>1</b><b>2</b></a>`, new: `<a><b>2</b><b>1</b></a>`, verdict: Mismatch, differences: []string{"value $.a.b[0]", "value $.a.b[1]"}},
		{name: "types in content", old: `<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:x="u" i:type="x:t"/>`, new: `<a xmlns:j="http://www.w3.org/2001/XMLSchema-instance" xmlns:y="u" j:type="y:t"/>`, verdict: Match},
		{name: "a byte order mark", old: "\ufeff<a/>", new: "<a/>", verdict: Mismatch, differences: []string{"value $"}},
		{name: "Latin-1", old: "<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>", new: "<a>\u00e9</a>", verdict: Match},
		{name: "UTF-16", old: "\xfe\xff\x00<\x00a\x00/\x00>", new: "<a></a>", verdict: Match},
		{name: "one encoding of bytes", old: "<?xml version='1.0' encoding='windows-1252'?><a x='1' y='2'>\x80</a>", new: "<?xml version='1.0' encoding='Windows-1252'?><a y='2' x='1'>\x80</a>", verdict: Match},
		{name: "one encoding of bytes, and other ones", old: "<?xml version='1.0' encoding='windows-1252'?><a>\x80</a>", new: "<?xml version='1.0' encoding='windows-1252'?><a>\x81</a>", verdict: Mismatch, differences: []string{"value $.a"}},
		{name: "two encodings of bytes", old: "<?xml version='1.0' encoding='windows-1252'?><a>\x80</a>", new: "<?xml version='1.0' encoding='windows-1251'?><a>\x80</a>", verdict: Skipped},
		{name: "an unknown encoding", old: "<?xml version='1.0' encoding='EBCDIC'?><a>1</a>", new: "<a>1</a>", verdict: Skipped},
		{name: "invalid on one side", old: `<a></b>`, new: `<a/>`, verdict: Mismatch, differences: []string{"invalid $"}},
		{name: "invalid on both sides", old: `<a`, new: `<a `, verdict: Mismatch, differences: []string{"invalid $"}},
		{name: "too deep", old: strings.Repeat("<a>", 600) + strings.Repeat("</a>", 600), new: `<a/>`, verdict: Skipped},

		{name: "a rule ignores", old: `<a><b>1</b><c/></a>`, new: `<a><b>2</b><c/></a>`, rules: []Rule{{Path: "$..b", Ignore: IgnoreAll}}, verdict: Tolerated},
		{name: "an ignored element may be missing, and stand elsewhere", old: `<a><b/><c/><b/></a>`, new: `<a><c/><b/></a>`, rules: []Rule{{Path: "$.a.b", Ignore: IgnoreAll}}, verdict: Tolerated},
		{name: "ignored attributes", old: `<a x="1"/>`, new: `<a/>`, rules: []Rule{{Path: "$.a['@x']", Ignore: IgnoreAll}}, verdict: Tolerated},
		{name: "an ignored value", old: `<a x="1">1</a>`, new: `<a x="2">2</a>`, rules: []Rule{{Path: "$..a", Ignore: IgnoreValue}}, verdict: Tolerated},
		{name: "an ignored value may not be missing", old: `<a><b>1</b></a>`, new: `<a/>`, rules: []Rule{{Path: "$..b", Ignore: IgnoreValue}}, verdict: Mismatch, differences: []string{"missing $.a.b"}},
		{name: "a tolerance", old: list, new: strings.Replace(list, "5.00", " 5.01 ", 1), rules: []Rule{{Path: "$..p", Number: &Number{Absolute: "0.01"}}}, verdict: Tolerated},
		{name: "beyond a tolerance", old: list, new: strings.Replace(list, "5.00", "5.02", 1), rules: []Rule{{Path: "$..p", Number: &Number{Absolute: "0.01"}}}, verdict: Mismatch, differences: []string{"value $.r.i[0].p"}},
		{name: "an element with attributes has a value", old: `<a><p c="EUR">5.00</p></a>`, new: `<a><p c="EUR">5.01</p></a>`, rules: []Rule{{Path: "$.a.p", Number: &Number{Absolute: "0.01"}}}, verdict: Tolerated},
		{name: "a time", old: `<a>2026-01-01T00:00:00Z</a>`, new: `<a>2026-01-01T01:00:01+01:00</a>`, rules: []Rule{{Path: "$.a", Time: &Time{Skew: time.Second}}}, verdict: Tolerated},
		{name: "a number by its value", old: `<a>1.0</a>`, new: `<a>1</a>`, rules: []Rule{{Path: "$.a", CoerceNumber: true}}, verdict: Tolerated},
		{name: "an index may be left out", old: list, new: strings.Replace(list, "5.00", "6", 1), rules: []Rule{{Path: "$.r.i.p", Ignore: IgnoreAll}}, verdict: Tolerated},
		{name: "an only child has the index 0", old: `<r><i>1</i></r>`, new: `<r><i>2</i></r>`, rules: []Rule{{Path: "$.r.i[0]", Ignore: IgnoreAll}}, verdict: Tolerated},
		{name: "an index of many", old: list, new: strings.Replace(list, "<p>7", "<p>8", 1), rules: []Rule{{Path: "$.r.i[0].p", Ignore: IgnoreAll}}, verdict: Mismatch, differences: []string{"value $.r.i[1].p"}},
		{name: "any order", old: list, new: `<r><i><id>2</id><p>7</p></i><i><id>1</id><p>5.00</p></i></r>`, rules: []Rule{{Path: "$.r.i", Unordered: Multiset}}, verdict: Tolerated},
		{name: "any order with a tolerance", old: list, new: `<r><i><id>2</id><p>7.1</p></i><i><id>1</id><p>5.1</p></i></r>`, rules: []Rule{{Path: "$.r.i", Unordered: Multiset}, {Path: "$..p", Number: &Number{Relative: "0.1"}}}, verdict: Tolerated},
		{name: "any order, and one changed", old: list, new: `<r><i><id>2</id><p>7</p></i><i><id>1</id><p>6</p></i></r>`, rules: []Rule{{Path: "$.r.i", Unordered: Multiset}}, verdict: Mismatch, differences: []string{"value $.r.i[0].p"}},
		{name: "a multiset counts repeats", old: `<r><i>1</i><i>1</i><i>2</i></r>`, new: `<r><i>2</i><i>1</i></r>`, rules: []Rule{{Path: "$.r.i", Unordered: Multiset}}, verdict: Mismatch, differences: []string{"missing $.r.i[0]"}},
		{name: "a set does not", old: `<r><i>1</i><i>1</i><i>2</i></r>`, new: `<r><i>2</i><i>1</i></r>`, rules: []Rule{{Path: "$.r.i", Unordered: Set}}, verdict: Tolerated},
		{name: "by key", old: list, new: `<r><i><id>2</id><p>8</p></i><i><id>1</id><p>5.00</p></i></r>`, rules: []Rule{{Path: "$.r.i", Key: "$.id"}}, verdict: Mismatch, differences: []string{"value $.r.i[1].p"}},
		{name: "by the key of an attribute", old: `<r><i id="1">a</i><i id="2">b</i></r>`, new: `<r><i id="2">b</i><i id="1">a</i></r>`, rules: []Rule{{Path: "$.r.i", Key: "$['@id']"}}, verdict: Tolerated},
		{name: "everything", old: `<a/>`, new: `<`, rules: []Rule{{Path: "$", Ignore: IgnoreAll}}, verdict: Tolerated},
	})
}

func TestXMLTypes(t *testing.T) {
	for _, contentType := range []string{"text/xml; charset=utf-8", "image/svg+xml", "application/rss+xml", "application/soap+xml"} {
		got := comparer(t).Compare(answer(200, `<a x="1" y="2"/>`, ct, contentType), answer(200, `<a y="2" x="1"></a>`, ct, contentType))
		if got.Verdict != Match {
			t.Errorf("%s: %+v", contentType, got)
		}
	}
	xhtml := comparer(t)
	const open, shut = `<html xmlns="http://www.w3.org/1999/xhtml"><body>`, `</body></html>`
	for _, tc := range []struct {
		old, new string
		want     Verdict
	}{
		{"<p>a <b>b</b> </p>\n<p/>", "<p>a  <b>b</b></p><p/>", Match},
		{"<p><b>a</b> <i>b</i></p>", "<p><b>a</b><i>b</i></p>", Mismatch},
	} {
		old, new := answer(200, open+tc.old+shut, ct, "application/xhtml+xml"), answer(200, open+tc.new+shut, ct, "application/xhtml+xml")
		if got := xhtml.Compare(old, new); got.Verdict != tc.want {
			t.Errorf("%s and %s: %+v", tc.old, tc.new, got)
		}
	}
}

func TestInvalidXML(t *testing.T) {
	for _, text := range []string{
		"", "x", "<a>", "<a/><b/>", "<a/>x", "x<a/>", "<a></b>", "</a>", "<a x='1' x='2'/>", "<a xmlns:p='u' xmlns:q='u' p:x='' q:x=''/>", "<a x=1/>",
		"<a x/>", "<a x='<'/>", "<a x='1'y='2'/>", "<p:a/>", "<a p:x=''/>", "<a xmlns:p=''/>", "<a xmlns:xml='u'/>", "<a xmlns:xmlns='u'/>", "<:a/>", "<a:/>",
		"<a:b:c/>", "<1/>", "<a>&</a>", "<a>&x;</a>", "<a>&#0;</a>", "<a>&#xD800;</a>", "<a>&#;</a>", "<a>&#x;</a>", "<a>&lt</a>", "<a>]]></a>", "<a>\x01</a>",
		"<a>\xff</a>", "<a>\ufffe</a>", "<!-- a -- b --><a/>", "<!-- a ---><a/>", "<!--<a/>", "<?xml?><a/>", " <?xml version='1.0'?><a/>", "<?a<a/>", "<a><![CDATA[</a>",
		"<![CDATA[x]]><a/>", "<!DOCTYPE a", "<!DOCTYPE a><!DOCTYPE a><a/>", "<a/><!DOCTYPE a>", "<a", "<a ", "<a x", "<a x=", "<a x='", "<a/", "</", "<", "<!DOCTYPE a [<!ENTITY x 'y'>",
	} {
		if root, err := parseXML([]byte(text)); err == nil {
			t.Errorf("%q is read as %s", text, root.show())
		}
	}
}

func FuzzXML(f *testing.F) {
	for _, s := range []string{
		"<a x='1'>b<!--c--><![CDATA[d]]><?e f?>&lt;&#65;</a>", "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY e 'f'>]><p:a xmlns:p='u'/>", "<a> <b/> </a>", "<a xml:space='preserve'> <b/></a>",
	} {
		f.Add([]byte(s), []byte(s))
	}
	c := comparer(f)
	f.Fuzz(func(t *testing.T, old, new []byte) {
		root, err := parseXML(old)
		if err != nil {
			return
		}
		// What is written anew from the tree is the same document.
		again := writeXML(root)
		if got := c.Compare(answer(200, old, ct, "text/xml"), answer(200, again, ct, "text/xml")); got.Verdict != Match {
			t.Fatalf("%q became %q: %+v", old, again, got)
		}
		there := c.Compare(answer(200, old, ct, "text/xml"), answer(200, new, ct, "text/xml"))
		back := c.Compare(answer(200, new, ct, "text/xml"), answer(200, old, ct, "text/xml"))
		if there.Verdict != back.Verdict {
			t.Fatalf("%q and %q: %s and %s", old, new, there.Verdict, back.Verdict)
		}
	})
}

// writeXML writes a tree in another spelling than most.
func writeXML(e *element) string {
	escape := strings.NewReplacer("&", "&#38;", "<", "&#x3c;", ">", "&gt;", `"`, "&#34;", "'", "&apos;", "\n", "&#10;", "\r", "&#13;", "\t", "&#9;").Replace
	var out strings.Builder
	switch e.kind {
	case isText:
		return escape(e.text)
	case isInstruction:
		return "<" + e.name + " " + e.text + "?>"
	case isDoctype:
		return "<!DOCTYPE " + e.text + ">"
	default:
	}
	if e.name != "" {
		out.WriteString("<_:" + e.name + ` xmlns:_="` + escape(e.space) + `"`)
		attributes := slices.Clone(e.attributes)
		slices.Reverse(attributes)
		for i, a := range attributes {
			name := a.name[1:]
			switch {
			case a.space == xmlSpace:
				name = "xml:" + name
			case a.space != "":
				prefix := strings.Repeat("n", i+1)
				out.WriteString(" xmlns:" + prefix + `='` + escape(a.space) + `'`)
				name = prefix + ":" + name
			}
			out.WriteString(" " + name + ` = '` + escape(a.text) + `'`)
		}
		out.WriteString(">")
	}
	for _, c := range e.children {
		out.WriteString(writeXML(c))
	}
	if e.name != "" {
		out.WriteString("</_:" + e.name + " >")
	}
	s := out.String()
	if e.space == "" && e.name != "" {
		s = strings.Replace(strings.Replace(s, ` xmlns:_=""`, "", 1), "<_:", "<", 1)
		s = s[:strings.LastIndex(s, "</_:")] + "</" + e.name + " >"
	}
	return s
}
