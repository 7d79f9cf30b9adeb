package compare_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"paritygate/compare"
	"paritygate/internal/testkit"
)

// trap is a pair of answers that is made to cost much.
type trap struct {
	name     string
	media    string // application/json if empty
	rules    []testkit.Rule
	old, new string
	want     []compare.Verdict // any of them
	// most is how much may be allocated, as a multiple of both bodies; 0 is 64. What is in use at any time is less.
	most int
}

var (
	matches    = []compare.Verdict{compare.Match}
	mismatches = []compare.Verdict{compare.Mismatch}
	tolerated  = []compare.Verdict{compare.Tolerated}
	// differs is for what is beyond a limit: a mismatch if one is seen before it, otherwise skipped. Never a match.
	differs = []compare.Verdict{compare.Mismatch, compare.Skipped}
	// holds is for what is equal, but perhaps beyond a limit.
	holds = []compare.Verdict{compare.Match, compare.Tolerated, compare.Skipped}
)

// many joins n parts.
func many(n int, between string, part func(i int) string) string {
	var out strings.Builder
	for i := range n {
		if i > 0 {
			out.WriteString(between)
		}
		out.WriteString(part(i))
	}
	return out.String()
}

// same is a part that does not depend on its number.
func same(text string) func(int) string { return func(int) string { return text } }

func numbered(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, i) }
}

func nested(open, leaf, shut string, n int) string {
	return strings.Repeat(open, n) + leaf + strings.Repeat(shut, n)
}

// spring runs the traps: each must end with its verdict, and with memory in proportion to the bodies.
func spring(t *testing.T, traps []trap) {
	t.Helper()
	for _, tc := range traps {
		t.Run(tc.name, func(t *testing.T) {
			media := tc.media
			if media == "" {
				media = "application/json"
			}
			answers := [2]*compare.Answer{jsonAnswer(tc.old), jsonAnswer(tc.new)}
			for _, a := range answers {
				a.Header["Content-Type"] = []string{media}
			}
			c, err := compare.New(compare.Options{MaxDecoded: 256 << 20, MaxNodes: 4 << 20, Rules: theRules(t, tc.rules)})
			if err != nil {
				t.Fatal(err)
			}
			most := uint64(tc.most)
			if most == 0 {
				most = 64
			}
			most = most*uint64(len(tc.old)+len(tc.new)) + 32<<20
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := c.Compare(answers[0], answers[1])
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > most {
				t.Errorf("%d MiB were allocated for bodies of %d KiB, want at most %d MiB", used>>20, (len(tc.old)+len(tc.new))>>10, most>>20)
			}
			fits := false
			for _, v := range tc.want {
				fits = fits || got.Verdict == v
			}
			if !fits {
				t.Errorf("%s %s, want %v; %d differences", got.Verdict, got.Reason, tc.want, len(got.Differences)+got.Dropped)
			}
			if len(got.Differences) > compare.MaxDifferences {
				t.Errorf("%d differences are kept", len(got.Differences))
			}
		})
	}
}

func TestTrapsInJSON(t *testing.T) {
	testkit.WithoutRaceDetector(t)
	const wide, elements = 100_000, 200_000
	anyOrder := []testkit.Rule{{Path: "$", Unordered: "true"}}
	anySet := []testkit.Rule{{Path: "$", Unordered: "set"}}
	byKey := []testkit.Rule{{Path: "$", Key: "$.id"}}
	near := append([]testkit.Rule{{Path: "$..*", Number: &testkit.Number{Absolute: "1"}}}, anyOrder...)
	var deep []testkit.Rule
	for i := range 200 {
		deep = append(deep, testkit.Rule{Path: fmt.Sprintf("$..a..b..a..c%d", i), Ignore: "true"})
	}
	long := strings.Repeat("x", 16<<20)
	escaped := strings.Repeat(`\u0078`, 4<<20)
	digits := strings.Repeat("7", 2<<20)
	backwards := func(n int, format string) func(int) string {
		return func(i int) string { return fmt.Sprintf(format, n-1-i) }
	}
	spring(t, []trap{
		{name: "arrays 100,000 deep", old: nested("[", "1", "]", wide), new: nested("[", "2", "]", wide), want: differs},
		{name: "arrays 100,000 deep that are equal", old: nested("[", "1", "]", wide), new: nested("[", "1", "]", wide) + " ", want: holds},
		{name: "objects 100,000 deep", old: nested(`{"a":`, "1", "}", wide), new: nested(`{"a":`, "2", "}", wide), want: differs},
		{name: "arrays that only open", old: strings.Repeat("[", 1<<20), new: strings.Repeat("[", 1<<20) + " ", want: differs},
		{name: "objects that only open", old: strings.Repeat(`{"a":`, 1<<18), new: strings.Repeat(`{"a":`, 1<<18) + " ", want: differs},
		{name: "a million leaves that differ", old: "[" + many(1_000_000, ",", numbered("%d")) + "]", new: "[" + many(1_000_000, ",", numbered("-1%d")) + "]", want: mismatches},
		{name: "a million members that differ", old: "{" + many(300_000, ",", numbered(`"a%d":1`)) + "}", new: "{" + many(300_000, ",", numbered(`"b%d":1`)) + "}", want: differs, most: 128},
		{name: "a huge exponent", old: "[1e1000000000]", new: "[1e999999999]", want: mismatches},
		{name: "a huge exponent with a tolerance", rules: []testkit.Rule{{Path: "$..*", Number: &testkit.Number{Relative: "1%"}}}, old: "[1e1000000000]", new: "[1e-1000000000]", want: mismatches},
		{name: "a text of 16 MiB", old: `["` + long + `a"]`, new: `["` + long + `b"]`, want: mismatches, most: 8},
		{name: "a text of 16 MiB, escaped", old: `["` + escaped + `"]`, new: `["` + long[:4<<20] + `"]`, want: matches, most: 8},
		{name: "a name of 16 MiB", old: `{"` + long + `a":1}`, new: `{"` + long + `b":1}`, want: mismatches, most: 8},
		{name: "a number of two million digits", old: "[" + digits + "1]", new: "[" + digits + "2]", want: mismatches},
		{name: "a number of two million digits in two spellings", old: "[" + digits + "]", new: "[" + digits + ".0]", want: matches},
		{name: "a number of two million digits with a tolerance", rules: near, old: "[" + digits + "1]", new: "[" + digits + "2]", want: []compare.Verdict{compare.Mismatch, compare.Skipped, compare.Tolerated}},
		{name: "100,000 members of one name", old: "{" + many(wide, ",", numbered(`"a":%d`)) + `,"b":1}`, new: `{"b":1,` + many(wide, ",", numbered(`"a":%d`)) + "}", want: matches},
		{name: "100,000 members of one name, the other way round", old: "{" + many(wide, ",", numbered(`"a":%d`)) + `,"b":1}`, new: `{"b":1,` + many(wide, ",", backwards(wide, `"a":%d`)) + "}", want: mismatches},
		{name: "100,000 members the other way round", old: "{" + many(wide, ",", numbered(`"a%d":1`)) + "}", new: "{" + many(wide, ",", backwards(wide, `"a%d":1`)) + "}", want: matches},
		{name: "200,000 elements without order", rules: anyOrder, old: "[" + many(elements, ",", numbered("%d")) + "]", new: "[" + many(elements, ",", backwards(elements, "%d")) + "]", want: tolerated, most: 128},
		{name: "200,000 equal elements without order", rules: anyOrder, old: "[0," + many(elements, ",", same("1")) + "]", new: "[" + many(elements, ",", same("1")) + ",0]", want: tolerated, most: 128},
		{name: "100,000 elements of a set", rules: anySet, old: "[" + many(wide, ",", numbered("%d")) + "]", new: "[" + many(2*wide, ",", func(i int) string { return fmt.Sprint((2*wide - i) / 2 % wide) }) + "]", want: holds, most: 256},
		{name: "100,000 elements by key", rules: byKey, old: "[" + many(wide, ",", numbered(`{"id":%d}`)) + "]", new: "[" + many(wide, ",", backwards(wide, `{"id":%d}`)) + "]", want: tolerated, most: 128},
		{name: "100,000 elements of one key", rules: byKey, old: "[" + many(wide, ",", numbered(`{"id":1,"n":%d}`)) + "]", new: "[" + many(wide, ",", backwards(wide, `{"id":1,"n":%d}`)) + "]", want: holds, most: 128},
		{name: "100,000 elements near one another", rules: near, old: "[" + many(wide, ",", numbered("%d")) + "]", new: "[" + many(wide, ",", numbered("1%d")) + "]", want: differs, most: 128},
		{name: "64 elements near all others", rules: near, old: "[" + many(64, ",", numbered("0.%d1")) + "]", new: "[" + many(64, ",", numbered("0.%d2")) + "]", want: tolerated, most: 40000},
		{name: "arrays without order in arrays without order", rules: append([]testkit.Rule{{Path: "$..*", Unordered: "true"}}, anyOrder...), old: nested("[1,2,", "3", "]", 500), new: nested("[", "3", ",2,1]", 500), want: holds, most: 40000},
		{name: "200 rules at any depth", rules: deep, old: nested(`{"a":{"b":`, "1", "}}", 250), new: nested(`{"a":{"b":`, "2", "}}", 250), want: mismatches, most: 4000},
		{name: "one element more at the front of 200,000", old: "[" + many(elements, ",", numbered("%d")) + "]", new: "[-1," + many(elements, ",", numbered("%d")) + "]", want: mismatches},
		{name: "lengths that differ at every depth", old: nested("[1,", "2", "]", 500), new: nested("[0,1,", "2", "]", 500), want: mismatches, most: 4000},
		{name: "white space alone", old: strings.Repeat(" ", 8<<20) + "1", new: "1", want: matches, most: 8},
	})
}

// Bodies of other types that are made to cost much.
func TestTrapsInOtherTypes(t *testing.T) {
	testkit.WithoutRaceDetector(t)
	const form, csv, html, xml = "application/x-www-form-urlencoded", "text/csv", "text/html", "application/xml"
	const proto, lines, parts = "application/x-protobuf", "application/x-ndjson", "multipart/mixed; boundary=x"
	const n = 100_000
	columns := []testkit.Rule{{Path: "$", CSV: &testkit.CSV{Header: true}}}
	varints := func(from, to, by int) string {
		var out []byte
		for i := from; i != to; i += by {
			out = append(out, 0x08, byte(0x80|i&0x7f), byte(i>>7&0x7f))
		}
		return string(out)
	}
	spring(t, []trap{
		{name: "form of 100,000 names", media: form, old: many(n, "&", numbered("a%d=1")), new: many(n, "&", func(i int) string { return fmt.Sprintf("a%d=1", n-1-i) }), want: holds, most: 128},
		{name: "form of one name 100,000 times", media: form, old: many(n, "&", numbered("a=%d")), new: many(n, "&", numbered("a=1%d")), want: differs, most: 128},
		{name: "form of ampersands", media: form, old: strings.Repeat("&", 1<<20), new: strings.Repeat("&", 1<<20) + "&", want: holds},
		{name: "form of escapes that are broken", media: form, old: "a=" + strings.Repeat("%", 1<<20), new: "a=" + strings.Repeat("%", 1<<20) + "%", want: differs},
		{name: "table of 100,000 rows", media: csv, rules: columns, old: "a,b\n" + many(n, "\n", numbered("%d,1")), new: "b,a\n" + many(n, "\n", numbered("1,%d")), want: holds, most: 256},
		{name: "table of 100,000 columns", media: csv, rules: columns, old: many(n, ",", numbered("a%d")) + "\n1", new: many(n, ",", numbered("a%d")) + "\n2", want: differs, most: 256},
		{name: "table of 100,000 columns of one name", media: csv, rules: columns, old: many(n, ",", same("a")) + "\n" + many(n, ",", same("1")), new: many(n, ",", same("a")) + "\n" + many(n, ",", same("2")), want: differs, most: 256},
		{name: "table of quotes", media: csv, old: strings.Repeat(`"`, 1<<20), new: strings.Repeat(`"`, 1<<20+2), want: differs},
		{name: "table of a quote that does not end", media: csv, old: strings.Repeat("a,\"b\n", n), new: strings.Repeat("a,\"b\n", n) + "c", want: differs},
		{name: "lines of nothing", media: lines, old: strings.Repeat("\n", 1<<20), new: strings.Repeat("\n", 1<<20) + "1", want: differs},
		{name: "lines that only open", media: lines, old: strings.Repeat("[\n", 1<<18), new: strings.Repeat("[\n", 1<<18) + "[", want: differs},
		{name: "100,000 parts", media: parts, old: many(n, "", same("--x\r\n\r\na\r\n")) + "--x--", new: many(n, "", same("--x\r\n\r\nb\r\n")) + "--x--", want: differs, most: 256},
		{name: "parts that are almost boundaries", media: parts, old: "--x\r\n\r\n" + strings.Repeat("\r\n--", n) + "\r\n--x--", new: "--x\r\n\r\n" + strings.Repeat("\r\n--", n) + "a\r\n--x--", want: differs},
		{name: "100,000 attributes of HTML", media: html, old: "<p " + many(n, " ", numbered("a%d=1")) + ">", new: "<p " + many(n, " ", func(i int) string { return fmt.Sprintf("a%d=1", n-1-i) }) + ">", want: holds, most: 256},
		{name: "one attribute of HTML 100,000 times", media: html, old: "<p " + many(n, " ", same("a=1")) + ">", new: "<p a=1>", want: holds, most: 256},
		{name: "HTML 100,000 deep", media: html, old: strings.Repeat("<div>", n) + "a", new: strings.Repeat("<div>", n) + "b", want: differs, most: 256},
		{name: "HTML of formatting that never ends", media: html, old: strings.Repeat("<b><p>", 5000) + "a", new: strings.Repeat("<b><p>", 5000) + "b", want: differs, most: 4000},
		{name: "HTML of tables in tables", media: html, old: strings.Repeat("<table><b>", 5000) + "a", new: strings.Repeat("<table><b>", 5000) + "b", want: differs, most: 4000},
		{name: "HTML of links that never end", media: html, old: strings.Repeat("<a>x", 20000) + "a", new: strings.Repeat("<a>x", 20000) + "b", want: differs, most: 4000},
		{name: "HTML of brackets", media: html, old: strings.Repeat("<", 1<<20), new: strings.Repeat("<", 1<<20) + "a", want: differs, most: 256},
		{name: "100,000 attributes of XML", media: xml, old: "<p " + many(n, " ", numbered(`a%d="1"`)) + "/>", new: "<p " + many(n, " ", func(i int) string { return fmt.Sprintf(`a%d="1"`, n-1-i) }) + "/>", want: holds, most: 256},
		{name: "100,000 namespaces", media: xml, old: "<p " + many(n, " ", numbered(`xmlns:a%d="urn:%[1]d"`)) + "/>", new: "<p/>", want: holds, most: 256},
		{name: "XML 100,000 deep", media: xml, old: nested("<a>", "1", "</a>", n), new: nested("<a>", "2", "</a>", n), want: differs, most: 256},
		{name: "XML that expands", media: xml, old: `<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>`, new: `<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;&c;</a>`, want: differs, most: 100000},
		{name: "100,000 elements of XML", media: xml, old: "<r>" + many(n, "", numbered("<i>%d</i>")) + "</r>", new: "<r>" + many(n, "", numbered("<i>1%d</i>")) + "</r>", want: differs, most: 256},
		{name: "100,000 names of XML the other way round", media: xml, old: "<r>" + many(n, "", numbered("<i%d/>")) + "</r>", new: "<r>" + many(n, "", func(i int) string { return fmt.Sprintf("<i%d/>", n-1-i) }) + "</r>", want: differs, most: 256},
		{name: "100,000 fields of one number", media: proto, old: varints(0, n, 1), new: varints(n, 0, -1), want: differs, most: 256},
		{name: "messages in messages", media: proto, old: nestedMessage(2000, 1), new: nestedMessage(2000, 2), want: differs, most: 4000},
		{name: "groups in groups", media: proto, old: strings.Repeat("\x0b", n) + "\x10\x01" + strings.Repeat("\x0c", n), new: strings.Repeat("\x0b", n) + "\x10\x02" + strings.Repeat("\x0c", n), want: differs, most: 256},
		{name: "groups that never end", media: proto, old: strings.Repeat("\x0b", 1<<20), new: strings.Repeat("\x0b", 1<<20) + "\x0b", want: differs},
	})
}

// nestedMessage is a protobuf message in which field 1 holds a message, and so on; the innermost has one number.
func nestedMessage(depth int, leaf byte) string {
	message := []byte{0x10, leaf}
	for range depth {
		head := []byte{0x0a}
		for size := len(message); ; size >>= 7 {
			if size < 0x80 {
				head = append(head, byte(size))
				break
			}
			head = append(head, byte(size)|0x80)
		}
		message = append(head, message...)
	}
	return string(message)
}
