package compare

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"paritygate/internal/testkit"
)

func TestCompareHTML(t *testing.T) {
	page := func(body string) string {
		return "<!DOCTYPE html><html><head><title>t</title></head><body>" + body + "</body></html>"
	}
	checkBodies(t, "text/html; charset=utf-8", []bodies{
		{name: "attribute order, quotes and case", old: page(`<p id="a" class='b'>x`), new: page(`<P  CLASS=b ID=a >x</P>`), verdict: Match},
		{name: "references", old: page(`<p title="&quot;">&copy;&#65;&lt;`), new: page(`<p title='"'>©A&lt;`), verdict: Match},
		{name: "optional tags", old: page(`<ul><li>a<li>b</ul><table><tr><td>c</table>`), new: page(`<ul><li>a</li><li>b</li></ul><table><tbody><tr><td>c</td></tr></tbody></table>`), verdict: Match},
		{name: "optional tags of the page", old: "<!doctype html><title>t</title><p>x", new: page("<p>x</p>"), verdict: Match},
		{name: "empty elements", old: page(`<br><img src=a><input disabled>`), new: page(`<br/><img src="a" /><input disabled="">`), verdict: Match},
		{name: "the first of repeated attributes counts", old: page(`<p id=a id=b>`), new: page(`<p id=a>`), verdict: Match},
		{name: "white space between blocks", old: page("\n <div>\n <p> a </p>\n\n <p>b</p> </div>\n"), new: page("<div><p>a</p><p>b</p></div>"), verdict: Match},
		{name: "runs of white space", old: page("<p>a \n\t b"), new: page("<p>a b"), verdict: Match},
		{name: "white space across tags", old: page("<p>a <b> b </b></p>"), new: page("<p>a <b>b</b></p>"), verdict: Match},
		{name: "white space beside a line break", old: page("<p>a <br> b"), new: page("<p>a<br>b"), verdict: Match},
		{name: "white space between words", old: page("<p>a <b>b</b>"), new: page("<p>a<b>b</b>"), verdict: Mismatch, differences: []string{"value $.html.body.p['#text']"}},
		{name: "white space between tags in a line", old: page("<p><b>a</b> <i>b</i>"), new: page("<p><b>a</b><i>b</i>"), verdict: Mismatch, differences: []string{"missing $.html.body.p['#text']"}},
		{name: "white space beside an image", old: page("<p>a <img src=b>"), new: page("<p>a<img src=b>"), verdict: Mismatch, differences: []string{"value $.html.body.p['#text']"}},
		{name: "a space that does not collapse", old: page("<p>a&nbsp; b"), new: page("<p>a b"), verdict: Mismatch, differences: []string{"value $.html.body.p"}},
		{name: "preformatted", old: page("<pre>a  b\n</pre>"), new: page("<pre>a b\n</pre>"), verdict: Mismatch, differences: []string{"value $.html.body.pre"}},
		{name: "inside of preformatted", old: page("<pre><b>a  b</b> </pre>"), new: page("<pre><b>a b</b> </pre>"), verdict: Mismatch, differences: []string{"value $.html.body.pre.b"}},
		{name: "around preformatted", old: page("<div> <pre> a</pre> </div>"), new: page("<div><pre> a</pre></div>"), verdict: Match},
		{name: "the line feed that begins preformatted text", old: page("<pre>\na</pre>"), new: page("<pre>a</pre>"), verdict: Match},
		{name: "a text area", old: page("<textarea>a  b</textarea>"), new: page("<textarea>a b</textarea>"), verdict: Mismatch, differences: []string{"value $.html.body.textarea"}},
		{name: "a script", old: page("<script>a  b</script>"), new: page("<script>a b</script>"), verdict: Mismatch, differences: []string{"value $.html.body.script"}},
		{name: "a style", old: page("<style>a  b</style>"), new: page("<style>a b</style>"), verdict: Mismatch, differences: []string{"value $.html.body.style"}},
		{name: "white space by style", old: page("<p style='white-space: pre'>a  b"), new: page("<p style='white-space: pre'>a b"), verdict: Mismatch, differences: []string{"value $.html.body.p"}},
		{name: "around what is not rendered", old: page("<p>a <script>s</script> b"), new: page("<p>a <script>s</script>b"), verdict: Match},
		{name: "without scripts", old: page("<noscript><p class=a id=b>x</noscript>"), new: page("<noscript><p id=b class=a>x</p></noscript>"), verdict: Match},
		{name: "a button", old: page("<button> a </button> <button>b</button>"), new: page("<button>a</button> <button>b</button>"), verdict: Match},
		{name: "between buttons", old: page("<button>a</button> <button>b</button>"), new: page("<button>a</button><button>b</button>"), verdict: Mismatch, differences: []string{"missing $.html.body['#text']"}},
		{name: "options", old: page("<select>\n<option> a </option>\n</select>"), new: page("<select><option>a</select>"), verdict: Match},
		{name: "drawings", old: page("<svg viewBox='0'> <g> <path d='x'/> </g> </svg>"), new: page("<svg viewBox='0'><g><path d='x'></path></g></svg>"), verdict: Match},
		{name: "a text", old: page("<p>a<p>b"), new: page("<p>a<p>c"), verdict: Mismatch, differences: []string{"value $.html.body.p[1]"}},
		{name: "an attribute", old: page("<p class='a b'>"), new: page("<p class='b a'>"), verdict: Mismatch, differences: []string{"value $.html.body.p['@class']"}},
		{name: "an element", old: page("<p>a<div>b</div>"), new: page("<p>a"), verdict: Mismatch, differences: []string{"missing $.html.body.div"}},
		{name: "another element", old: page("<b>a</b>"), new: page("<i>a</i>"), verdict: Mismatch, differences: []string{"missing $.html.body.b", "extra $.html.body.i"}},
		{name: "the order", old: page("<p>a</p><div>b</div>"), new: page("<div>b</div><p>a</p>"), verdict: Mismatch, differences: []string{"value $.html.body"}},
		{name: "text before and behind", old: page("<p>a<b>b</b>"), new: page("<p><b>b</b>a"), verdict: Mismatch, differences: []string{"value $.html.body.p"}},
		{name: "the nesting", old: page("<p><b><i>a</i></b>"), new: page("<p><i><b>a</b></i>"), verdict: Mismatch, differences: []string{"missing $.html.body.p.b", "extra $.html.body.p.i"}},
		{name: "a comment", old: page("<!-- a --><p>x"), new: page("<p>x"), verdict: Mismatch, differences: []string{"missing $.html.body['#comment']"}},
		{name: "the document type", old: page("x"), new: page("x")[len("<!DOCTYPE html>"):], verdict: Mismatch, differences: []string{"missing $['#doctype']"}},
		{name: "the case of the document type", old: page("x"), new: strings.Replace(page("x"), "DOCTYPE html", "doctype HTML", 1), verdict: Match},
		{name: "a byte order mark", old: "\ufeff" + page("x"), new: page("x"), verdict: Mismatch, differences: []string{"value $"}},
		{name: "a template", old: page("<template> <p class=a id=b>x</template>"), new: page("<template><p id=b class=a>x</p></template>"), verdict: Match},

		{name: "rows alone", old: "<tr><td>a<td>b</tr>\n<tr></tr>", new: "<tr> <td>a</td> <td>b</td></tr><tr></tr>", verdict: Match},
		{name: "a cell is no text", old: "<td>a</td>", new: "a", verdict: Mismatch, differences: []string{"missing $.td", "extra $['#text']"}},
		{name: "a fragment", old: "<p>a", new: "<p>b</p>", verdict: Mismatch, differences: []string{"value $.p"}},
		{name: "a fragment and a page", old: "<p>a", new: "<html><head></head><body><p>a</p></body></html>", verdict: Match},
		{name: "NUL", old: "<p>a\x00", new: "<p>a", verdict: Skipped},
		{name: "bytes that are no UTF-8", old: "<p>\xe9", new: "<p>\xe8", verdict: Mismatch, differences: []string{"value $.p"}},
		{name: "too deep", old: strings.Repeat("<div>", 600), new: "<p>", verdict: Skipped},

		{name: "a rule", old: page("<p id=csrf>a"), new: page("<p id=csrf>b"), rules: []Rule{{Path: "$.html.body.p", Ignore: IgnoreAll}}, verdict: Tolerated},
		{name: "comments by rule", old: page("<!-- 1 --><p>a"), new: page("<p>a<!-- 2 -->"), rules: []Rule{{Path: "$..['#comment']", Ignore: IgnoreAll}}, verdict: Tolerated},
		{name: "an attribute by rule", old: page("<input value=1>"), new: page("<input value=2>"), rules: []Rule{{Path: "$..['@value']", Ignore: IgnoreValue}}, verdict: Tolerated},
		{name: "items in any order", old: page("<ul><li>a<li>b</ul>"), new: page("<ul><li>b<li>a</ul>"), rules: []Rule{{Path: "$..li", Unordered: Multiset}}, verdict: Tolerated},
	})
}

// Bodies that are made to cost much end with a verdict.
func TestHostileHTML(t *testing.T) {
	testkit.WithoutRaceDetector(t)
	many := func(n int, piece func(int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(piece(i))
		}
		return b.String()
	}
	same := func(s string) func(int) string { return func(int) string { return s } }
	for name, body := range map[string]string{
		"formatting that is opened again": "<p>" + many(500, func(i int) string { return fmt.Sprintf("<b a%d>", i) }) + many(6_000, same("<p>x")),
		"misnested": many(400, func(i int) string {
			return fmt.Sprintf("<b a%d>%s</b>%s", i, strings.Repeat("<div>", 9), strings.Repeat("</div>", 9))
		}) + many(6_000, same("<p>x")),
		"attributes":           "<p " + many(6_000, func(i int) string { return fmt.Sprintf("a%d ", i) }) + ">",
		"attributes, repeated": many(100, func(int) string { return "<b " + many(300, func(i int) string { return fmt.Sprintf("a%d ", i) }) + ">" }),
		"elements":             many(40_000, same("<p>")),
		"tables":               many(500, same("<table>")) + many(6_000, same("x<b>")),
		"an open comment":      "<!--" + many(50_000, same("<!--")),
		"deep":                 many(500, same("<span>")) + many(6_000, same("<p></p>")),
	} {
		t.Run(name, func(t *testing.T) {
			got := comparer(t).Compare(answer(200, body, ct, "text/html"), answer(200, "<p>"+body, ct, "text/html"))
			if got.Verdict != Mismatch && got.Verdict != Skipped {
				t.Errorf("%s %s", got.Verdict, got.Reason)
			}
		})
	}
}

func FuzzHTML(f *testing.F) {
	for _, s := range []string{
		"<!doctype html><title>a</title><p class=x id=y>b <b> c</b><pre> d</pre>", "<tr><td>a<td>b", "<b><p></b>x</p>", "<svg><a xlink:href=x></svg><!-- c -->", "<select><option>a<table><td>",
	} {
		f.Add(s)
	}
	c := comparer(f)
	f.Fuzz(func(t *testing.T, text string) {
		again, ok := rendered(text)
		twice, stable := rendered(again)
		if !ok || !stable || again != twice || isFragment([]byte(text)) {
			return
		}
		if got := c.Compare(answer(200, text, ct, "text/html"), answer(200, again, ct, "text/html")); got.Verdict == Mismatch {
			t.Fatalf("%q and %q: %+v", text, again, got.Differences)
		}
		more, _ := rendered(text + "<p>x")
		if got := c.Compare(answer(200, text, ct, "text/html"), answer(200, text+"<p>x", ct, "text/html")); got.Verdict == Match && again != more {
			t.Fatalf("%q matches with more behind it", text)
		}
	})
}

// rendered returns what the parser reads in a text, written anew.
func rendered(text string) (string, bool) {
	document, err := html.ParseWithOptions(strings.NewReader(text), html.ParseOptionEnableScripting(false))
	var out strings.Builder
	ok := err == nil && html.Render(&out, document) == nil
	return out.String(), ok
}
