package compare

import (
	"slices"
	"strings"
	"testing"
)

// contentCase is two bodies of one type, unless newType says otherwise; none stands for no Content-Type. Want is as show writes
// differences; tolerated says that rules forgave something.
type contentCase struct {
	name, old, new string
	newType        string
	rules          []Rule
	want           []string
	tolerated      bool
	oneWay         bool // the other way round the verdict is another
}

// typed returns an answer of a media type; `none` is no type at all.
func typed(media, body string) *Answer {
	if media == "none" {
		return answer(200, body)
	}
	return answer(200, body, ct, media)
}

// checkContent compares the pairs in both directions, with the Content-Type headers left alone.
func checkContent(t *testing.T, media string, cases []contentCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c, err := New(Options{Rules: tc.rules})
			if err != nil {
				t.Fatal(err)
			}
			newType := media
			if tc.newType != "" {
				newType = tc.newType
			}
			old, new := typed(media, tc.old), typed(newType, tc.new)
			want := Match
			switch {
			case tc.want != nil:
				want = Mismatch
			case tc.tolerated:
				want = Tolerated
			}
			got := c.Compare(old, new)
			if got.Verdict != want || !slices.Equal(show(got.Differences), tc.want) {
				t.Errorf("%s %s\n%s\nwant %s\n%s", got.Verdict, got.Reason, strings.Join(show(got.Differences), "\n"), want, strings.Join(tc.want, "\n"))
			}
			if back := c.Compare(new, old); !tc.oneWay && (back.Verdict != got.Verdict || len(back.Differences) != len(got.Differences)) {
				t.Errorf("the other way round: %s %s", back.Verdict, strings.Join(show(back.Differences), "\n"))
			}
		})
	}
}

func TestCompareRecords(t *testing.T) {
	checkContent(t, "application/x-ndjson", []contentCase{
		{name: "re-spelled", old: "{\"a\":1,\"b\":2}\n[1]\n", new: "{\"b\":2.0, \"a\":1}\r\n [1.0]", want: nil},
		{name: "blank lines", old: "1\n2\n", new: "\n1\n\n \t\r\n2\n\n", want: nil},
		{name: "a member", old: "{\"a\":1}\n{\"a\":2}", new: "{\"a\":1}\n{\"a\":3}", want: []string{"value $[1].a 2 3"}},
		{name: "a record is missing", old: "{\"a\":1}\n{\"a\":2}\n", new: "{\"a\":1}\n", want: []string{`missing $[1] {"a":2}`}},
		{
			name: "keyed", old: "{\"id\":1,\"v\":1}\n{\"id\":2,\"v\":2}", new: "{\"id\":2,\"v\":3}\n{\"id\":1,\"v\":1}",
			rules: []Rule{{Path: "$", Key: "$.id"}}, want: []string{"value $[1].v 2 3"},
		},
		{name: "renamed", old: "{\"name\":1}\n", new: "{\"label\":1}\n", rules: []Rule{{Path: "$[*].name", Rename: "label"}}, oneWay: true, tolerated: true},
		{name: "not renamed, but equal", old: "{\"name\":1}\n", new: "{\"name\":1}\n", rules: []Rule{{Path: "$[*].name", Rename: "label"}}, want: []string{"missing $[0].name 1", "extra $[0].name  1"}},
		{name: "order", old: "1\n2", new: "2\n1", want: []string{"value $[0] 1 2", "value $[1] 2 1"}},
		{name: "unordered", old: "1\n2", new: "2\n1", rules: []Rule{{Path: "$", Unordered: Multiset}}, tolerated: true},
		{name: "a rule for a member", old: "{\"a\":1}\n{\"a\":2}", new: "{\"a\":9}\n{\"a\":8}", rules: []Rule{{Path: "$[*].a", Ignore: IgnoreValue}}, tolerated: true},
		{name: "two values in a line", old: "1\n2", new: "1,2", want: []string{"invalid $ 1\n2 (not valid NDJSON: line 1: text behind the value at byte 1) 1,2"}},
		{name: "two values without a comma", old: "{}\n{}", new: "{}{}", want: []string{"invalid $ {}\n{} (not valid NDJSON: line 1: text behind the value at byte 2) {}{}"}},
		{
			name: "lines that make sense together", old: "1\n2\n{\"a\":1,\"b\":2}", new: "1,2\n{\"a\":1\n\"b\":2}",
			want: []string{"invalid $ 1\n2\n{\"a\":1,\"b\":2} (not valid NDJSON: line 1: text behind the value at byte 1) 1,2\n{\"a\":1\n\"b\":2}"},
		},
		{name: "a record over several lines", old: "{\n}", new: "{}", want: []string{"invalid $ (not valid NDJSON: line 1: unexpected end at byte 1) {\n} {}"}},
		{name: "a byte order mark", old: "1", new: "\ufeff1", want: []string{"invalid $ 1 (not valid NDJSON: line 1: unexpected '\\ufeff' at byte 0) \ufeff1"}},
		{name: "as a JSON text sequence", old: "1\n2\n", new: "\x1e1\n\x1e 2.0\n", newType: "application/json-seq"},
		{name: "rules for types", old: "{\"t\":\"1\"}", new: "{\"t\":1}", rules: []Rule{{Path: "$[*].t", Number: &Number{Absolute: "5"}}}, want: []string{`type $[0].t "1" 1`}},
	})
}

func TestCompareTable(t *testing.T) {
	header := Rule{Path: "$", CSV: &CSV{Header: true}}
	named := []Rule{header}
	checkContent(t, "text/csv", []contentCase{
		{name: "quotes", old: "a,b\n1,2\n", new: "\"a\",b\n\"1\",\"2\"\n"},
		{name: "line ends", old: "a,b\r\n1,2\r\n", new: "a,b\n1,2"},
		{name: "what quotes hold", old: "\"a,b\n\"\"c\"\"\",d\n", new: "\"a,b\n\"\"c\"\"\",\"d\"\n"},
		{name: "a line's end within quotes", old: "\"a\r\nb\"\n", new: "\"a\nb\"\n", want: []string{`value $[0][0] "a\u000d\u000ab" "a\u000ab"`}},
		{name: "a cell", old: "a,b\n1,2", new: "a,b\n1,3", want: []string{`value $[1][1] "2" "3"`}},
		{name: "numbers are texts", old: "1.0", new: "1.00", want: []string{`value $[0][0] "1.0" "1.00"`}},
		{name: "blanks count", old: "a,b", new: "a, b", want: []string{`value $[0][1] "b" " b"`}},
		{name: "a cell more", old: "a,b\n1", new: "a,b\n1,", want: []string{`extra $[1][1]  ""`}},
		{name: "a row more", old: "a,b\n", new: "a,b\n1,2\n", want: []string{`extra $[1]  ["1","2"]`}},
		{name: "blank lines between cells", old: "a,b\n1,2\n", new: "a,b\n\n1,2\r\n\r\n"},
		{name: "a blank line in one column", old: "a\n1\n", new: "a\n\n1\n", want: []string{`extra $[1]  [""]`}},
		{name: "an empty cell in quotes", old: "a\n\n1", new: "a\n\"\"\n1"},
		{name: "an empty row in quotes is no blank line", old: "a,b\n\n", new: "a,b\n\"\"\n", want: []string{`extra $[1]  [""]`}},
		{name: "a byte order mark", old: "a,b", new: "\ufeffa,b", want: []string{"value $[0][0] \"a\" \"\ufeffa\""}},
		{name: "quotes behind a byte order mark", old: "\ufeffa,b", new: "\ufeff\"a\",\"b\""},
		{name: "a quote within a cell", old: "5\" x", new: "\"5\"\" x\""},
		{name: "text behind a closing quote", old: "\"a\"b,c", new: "ab,c", want: []string{`value $[0][0] "\"a\"b" "ab"`}},
		{name: "doubled quotes that quote nothing", old: "\"a\"\"b\"x", new: "\"a\"b\"x", want: []string{`value $[0][0] "\"a\"\"b\"x" "\"a\"b\"x"`}},
		{name: "semicolons", old: "\"a\";1\r\n", new: "\"a\";1\n"},
		{name: "a quote that does not end", old: "a,\"b", new: "a,\"b\"", want: []string{`invalid $ (not valid CSV: line 1: the quoted cell does not end) a,"b a,"b"`}},
		{name: "Latin-1 in quotes", old: "\"caf\xe9\",x", new: "caf\xe9,x"},
		{name: "Latin-1 and UTF-8", old: "caf\xe9,x", new: "café,x", want: []string{`value $[0][0] "caf\udce9" "café"`}},
		{name: "a column by tolerance", old: "1.00,a", new: "1.01,a", rules: []Rule{{Path: "$[*][0]", Number: &Number{Absolute: "0.01"}}}, tolerated: true},
		{name: "beyond the tolerance", old: "1.00,a", new: "1.02,a", rules: []Rule{{Path: "$[*][0]", Number: &Number{Absolute: "0.01"}}}, want: []string{`value $[0][0] "1.00" "1.02"`}},
		{name: "a time", old: "2024-01-01T00:00:00Z", new: "1704067201", rules: []Rule{{Path: "$[*][0]", Time: &Time{Skew: 1e9}}}, tolerated: true},
		{name: "unordered rows with a tolerance", old: "a,1\nb,2", new: "b,2.1\na,1.1", rules: []Rule{{Path: "$", Unordered: Multiset}, {Path: "$[*][*]", Number: &Number{Absolute: "0.1"}}}, tolerated: true},
		{name: "rows that must be matched", old: "1\n2", new: "1.5\n0.5", rules: []Rule{{Path: "$", Unordered: Multiset}, {Path: "$[*][0]", Number: &Number{Absolute: "0.5"}}}, tolerated: true},
		{name: "TSV and CSV", old: "a,\"b,c\"\n", new: "a\tb,c\n", newType: "text/tab-separated-values"},
		{name: "quotes in TSV", old: "x", new: "\"x\"", newType: "text/tab-separated-values", want: []string{`value $[0][0] "x" "\"x\""`}},
		{name: "UTF-16", old: "\"\x00a\x00\"\x00", new: "a\x00", newType: "text/csv; charset=utf-16", want: []string{"value  \"\x00a\x00\"\x00 a\x00"}},
		{name: "columns in another order", old: "a,b\n1,2", new: "b,a\n2,1", rules: named, tolerated: true},
		{name: "columns in another order without the rule", old: "a\n1", new: "b\n1", rules: []Rule{{Path: "$", CSV: &CSV{}}}, want: []string{`value $[0][0] "a" "b"`}},
		{name: "by name", old: "a,b\n1,2\n3,4", new: "b,a\n2,1\n5,3", rules: named, want: []string{`value $[1].b "4" "5"`}},
		{name: "a column more", old: "a\n1", new: "a,b\n1,2", rules: named, want: []string{`extra $[0].b  "2"`}},
		{name: "a column without records", old: "a,b", new: "a,c\n", rules: named, want: []string{`missing $[0].b ""`, `extra $[0].c  ""`}},
		{name: "a column without records that is ignored", old: "a,b", new: "a", rules: []Rule{header, {Path: "$[*].b", Ignore: IgnoreAll}}, tolerated: true},
		{name: "a renamed column", old: "id,name\n1,2", new: "label,id\n2,1", rules: []Rule{header, {Path: "$[*].name", Rename: "label"}}, oneWay: true, tolerated: true},
		{name: "a renamed column without records", old: "id,name", new: "label,id\n", rules: []Rule{header, {Path: "$[*].name", Rename: "label"}}, oneWay: true, tolerated: true},
		{name: "a repeated name", old: "a,a\n1,2", new: "a,a\n2,1", rules: named, want: []string{`value $[0].a "1" "2"`, `value $[0].a "2" "1"`}},
		{name: "a row that is too long", old: "a\n1,2", new: "a\n1,3", rules: named, want: []string{`value $[0][''][0] "2" "3"`}},
		{name: "a row that is too short", old: "a,b\n1", new: "a,b\n1,", rules: named, want: []string{`extra $[0].b  ""`}},
		{name: "the cell beyond is no column of that name", old: "a,1\n1,2", new: "a\n1,2", rules: named, want: []string{`missing $[0]['1'] "2"`, `extra $[0]['']  ["2"]`}},
		{name: "a named tolerance", old: "id,price\n1,2.00", new: "price,id\n2.01,1", rules: []Rule{header, {Path: "$[*].price", Number: &Number{Absolute: "0.01"}}}, tolerated: true},
		{name: "a name with a byte order mark", old: "\ufeffa\n1", new: "a\n1", rules: named, want: []string{"missing $[0].\ufeffa \"1\"", `extra $[0].a  "1"`}},
	})
}

func TestCompareForm(t *testing.T) {
	checkContent(t, "application/x-www-form-urlencoded", []contentCase{
		{name: "order of pairs", old: "a=1&b=2", new: "b=2&a=1"},
		{name: "spelling", old: "a=1+2&%62=%C3%A9&", new: "a=1%202&&b=%c3%a9"},
		{name: "raw UTF-8", old: "a=%C3%A9", new: "a=é"},
		{name: "no equals sign", old: "a&b", new: "a=&b="},
		{name: "an empty value is no absent name", old: "a=", new: "b=1", want: []string{`missing $.a ""`, `extra $.b  "1"`}},
		{name: "a value", old: "a=1&b=2", new: "b=3&a=1", want: []string{`value $.b "2" "3"`}},
		{name: "values of one name", old: "a=1&a=2", new: "a=2&a=1", want: []string{`value $.a[0] "1" "2"`, `value $.a[1] "2" "1"`}},
		{name: "values of one name with others between", old: "a=1&b=3&a=2", new: "b=3&a=1&a=2"},
		{name: "a repeat more", old: "a=1", new: "a=1&a=1", want: []string{`extra $.a[1]  "1"`}},
		{name: "unordered values", old: "a=1&a=2", new: "a=2&a=1", rules: []Rule{{Path: "$.a", Unordered: Multiset}}, tolerated: true},
		{name: "a plus sign", old: "a=1%2B2", new: "a=1+2", want: []string{`value $.a "1+2" "1 2"`}},
		{name: "case", old: "a=x", new: "a=X", want: []string{`value $.a "x" "X"`}},
		{name: "an equals sign in the value", old: "a=b=c", new: "a=b%3Dc"},
		{name: "an ampersand in the value", old: "a=b%26c", new: "a=b&c", want: []string{`value $.a "b&c" "b"`, `extra $.c  ""`}},
		{name: "a percent sign alone", old: "a=%zz", new: "a=%25zz", want: []string{`value $.a "\udc25zz" "%zz"`}},
		{name: "a percent sign at the end", old: "a=%4", new: "a=%254", want: []string{`value $.a "\udc254" "%4"`}},
		{name: "percent signs alone that are equal", old: "a=%zz&b=1", new: "b=1&a=%zz"},
		{name: "a byte that is no UTF-8", old: "a=%E9", new: "a=%C3%A9", want: []string{`value $.a "\udce9" "é"`}},
		{name: "a byte that is no UTF-8 in two spellings", old: "a=%E9", new: "a=\xe9"},
		{name: "numbers are texts", old: "a=1", new: "a=1.0", want: []string{`value $.a "1" "1.0"`}},
		{name: "a tolerance", old: "a=1", new: "a=1.5", rules: []Rule{{Path: "$.a", Number: &Number{Absolute: "0.5"}}}, tolerated: true},
		{name: "coerced", old: "a=1", new: "a=1.0", rules: []Rule{{Path: "$.a", CoerceNumber: true}}, tolerated: true},
		{name: "a name in brackets", old: "a[b]=1", new: "a%5Bb%5D=2", want: []string{`value $['a[b]'] "1" "2"`}},
		{name: "a renamed field", old: "name=1&b=2&name=3", new: "b=2&label=1&label=3", rules: []Rule{{Path: "$.name", Rename: "label"}}, oneWay: true, tolerated: true},
		{name: "an ignored field", old: "a=1&csrf=x", new: "a=1", rules: []Rule{{Path: "$.csrf", Ignore: IgnoreAll}}, tolerated: true},
	})
}

func TestCompareText(t *testing.T) {
	checkContent(t, "text/plain", []contentCase{
		{name: "line ends", old: "a\r\nb", new: "a\nb", want: []string{"value  a\r\nb a\nb"}},
		{name: "white space", old: "a b", new: "a  b", want: []string{"value  a b a  b"}},
		{name: "not UTF-8", old: "caf\xe9", new: "caf\xe8", want: []string{`value  caf\xe9 caf\xe8`}},
		{name: "scripts", old: "var a=1;", new: "var a = 1;", newType: "application/javascript", want: []string{"value  var a=1; var a = 1;"}},
		{name: "text and an image", old: "a", new: "b", newType: "image/png", want: []string{"type  a (1 bytes, xxh3 " + digest("b") + ")"}},
		{name: "text and JSON", old: "[1]", new: "[1.0]", newType: "application/json", want: []string{"type $ [1] [1.0]"}},
		{name: "a value that is ignored", old: "a", new: "b", rules: []Rule{{Path: "$", Ignore: IgnoreValue}}, tolerated: true},
		{name: "a type that is not ignored with the value", old: "a", new: "[]", newType: "application/json", rules: []Rule{{Path: "$", Ignore: IgnoreValue}}, want: []string{"type $ a []"}},
		{name: "a text where a rule renames", old: "a", new: "a", rules: []Rule{{Path: "$..a", Rename: "b"}}},
	})
}

func TestCompareUndeclared(t *testing.T) {
	checkContent(t, "none", []contentCase{
		{name: "JSON", old: `{"a":1,"b":2}`, new: `{"b":2,"a":1.0}`},
		{name: "JSON that differs", old: `{"a":1}`, new: `{"a":2}`, want: []string{"value $.a 1 2"}},
		{name: "no JSON, though it looks like it", old: `[INFO] a`, new: `[INFO] b`, want: []string{"value $ [INFO] a [INFO] b"}},
		{name: "JSON over several lines", old: "{\n\"a\": [\n1]}", new: `{"a":[1]}`},
		{name: "NDJSON", old: "{\"a\":1}\n{\"b\":2}\n", new: "{\"a\":1.0}\n{\"b\":2}"},
		{name: "NDJSON with one record", old: "{\"a\":1}\n{\"b\":2}\n", new: "{\"a\":1.0}\n", want: []string{`missing $[1] {"b":2}`}},
		{name: "JSON and text", old: "{}", new: "oops", want: []string{"type $ {} oops"}},
		{name: "numbers are no documents", old: "1", new: "1.0", want: []string{"value  1 1.0"}},
		{name: "bytes", old: "\x00\x01", new: "\x00\x02", want: []string{"value  (2 bytes, xxh3 " + digest("\x00\x01") + ") (2 bytes, xxh3 " + digest("\x00\x02") + ")"}},
		{name: "of one side alone", old: "a,\"b\"", new: "a,b", newType: "text/csv"},
		{name: "what new declares and old is not", old: "oops", new: "{}", newType: "application/json", want: []string{"type $ (not valid JSON: unexpected 'o' at byte 0) oops {}"}},
	})
}

func TestCompareMultipart(t *testing.T) {
	const media = "multipart/mixed; boundary=b"
	const head = "--b\r\nContent-Type: application/json\r\n\r\n"
	nested := "--b\r\nContent-Type: multipart/mixed; boundary=\"i n\"\r\n\r\n--i n\r\n\r\nPART\r\n--i n--\r\n--b--"
	checkContent(t, media, []contentCase{
		{name: "another boundary", old: head + "{\"a\":1,\"b\":2}\r\n--b--\r\n", new: "--c\r\ncontent-type:application/json\r\n\r\n{\"b\":2,\"a\":1}\r\n--c--", newType: "multipart/mixed; boundary=\"c\""},
		{name: "what stands around the parts", old: "hello\r\n" + head + "1\r\n--b--\r\nbye", new: head + "1\r\n--b--"},
		{name: "line ends and padding", old: head + "1\r\n--b--\r\n", new: "--b \t\nContent-Type: application/json\n\n1\n--b--\n"},
		{name: "in a part", old: head + "{\"a\":1}\r\n--b--", new: head + "{\"a\":2}\r\n--b--", want: []string{"value $[0].a 1 2"}},
		{name: "text in a part", old: "--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--", new: "--b\r\n\r\nx\r\n--b\r\n\r\nz\r\n--b--", want: []string{"value $[1] y z"}},
		{name: "a line's end in a part", old: "--b\r\n\r\nx\r\n\r\n--b--", new: "--b\r\n\r\nx\r\n--b--", want: []string{"value $[0] x\r\n x"}},
		{name: "a part more", old: "--b\r\n\r\nx\r\n--b--", new: "--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--", want: []string{"extra $[1]  y"}},
		{name: "order", old: "--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--", new: "--b\r\n\r\ny\r\n--b\r\n\r\nx\r\n--b--", want: []string{"value $[0] x y", "value $[1] y x"}},
		{
			name: "another name", old: "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--", new: "--b\r\nContent-Disposition: form-data; name=\"z\"\r\n\r\nx\r\n--b--",
			want: []string{`value $[0]['content-disposition'] form-data; name="a" form-data; name="z"`},
		},
		{name: "a name without quotes", old: "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--", new: "--b\r\nContent-Disposition: form-data;\r\n name=a\r\nX-Other: 1\r\n\r\nx\r\n--b--"},
		{name: "another type", old: head + "[1]\r\n--b--", new: "--b\r\nContent-Type: text/plain\r\n\r\n[1.0]\r\n--b--", want: []string{"value $[0]['content-type'] application/json text/plain", "type $[0] [1] [1.0]"}},
		{name: "encoded for mail", old: "--b\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--b--", new: "--b\r\n\r\nMQ==\r\n--b--", want: []string{"missing $[0]['content-transfer-encoding'] base64"}},
		{name: "what begins like the boundary", old: "--b\r\n\r\nx\r\n--bc\r\n--b--", new: "--b\r\n\r\nx\r\n--bd\r\n--b--", want: []string{"value $[0] x\r\n--bc x\r\n--bd"}},
		{name: "the boundary within a line", old: "--b\r\n\r\nx--b\r\ny\r\n--b--", new: "--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--", want: []string{"value $[0] x--b\r\ny x", "extra $[1]  y"}},
		{name: "not closed", old: "--b\r\n\r\nx\r\n--b--", new: "--b\r\n\r\nx\r\n--b", want: []string{"invalid $ --b\r\n\r\nx\r\n--b-- (not valid multipart: the last part does not end with a delimiter line) --b\r\n\r\nx\r\n--b"}},
		{name: "no delimiter", old: "--b\r\n\r\nx\r\n--b--", new: "x", want: []string{"invalid $ --b\r\n\r\nx\r\n--b-- (not valid multipart: no delimiter line) x"}},
		{name: "no boundary", old: "x", new: "y", newType: "multipart/mixed", want: []string{"invalid $ (not valid multipart: no delimiter line) x (not valid multipart: the Content-Type names no boundary) y"}},
		{name: "invalid in a part", old: head + "[1]\r\n--b--", new: head + "[1\r\n--b--", want: []string{"invalid $[0] [1] (not valid JSON: unexpected end at byte 2) [1"}},
		{name: "a part in a part", old: nested, new: strings.Replace(nested, "PART", "part", 1), want: []string{"value $[0][0] PART part"}},
		{name: "a rule in a part", old: head + "{\"a\":1}\r\n--b--", new: head + "{\"a\":2}\r\n--b--", rules: []Rule{{Path: "$[0].a", Ignore: IgnoreAll}}, tolerated: true},
		{name: "a rename in a part", old: head + "{\"a\":1}\r\n--b--", new: head + "{\"z\":1}\r\n--b--", rules: []Rule{{Path: "$[0].a", Rename: "z"}}, oneWay: true, tolerated: true},
		{name: "no rename in equal parts", old: head + "{\"a\":1}\r\n--b--", new: head + "{\"a\":1}\r\n--b--", rules: []Rule{{Path: "$[0].a", Rename: "z"}}, want: []string{"missing $[0].a 1", "extra $[0].a  1"}},
		{name: "a rule for a part", old: head + "1\r\n--b--", new: "--b\r\n\r\n1\r\n--b--", rules: []Rule{{Path: "$[*]", Ignore: IgnoreAll}}, tolerated: true},
		{name: "a rule for the value of a part", old: "--b\r\n\r\nx\r\n--b--", new: "--b\r\n\r\ny\r\n--b--", rules: []Rule{{Path: "$[0]", Ignore: IgnoreValue}}, tolerated: true},
		{name: "a rule for a field", old: head + "1\r\n--b--", new: "--b\r\nContent-Type: application/json; q=1\r\n\r\n1\r\n--b--", rules: []Rule{{Path: "$[*]['content-type']", Ignore: IgnoreValue}}, tolerated: true},
		{name: "a rule for all", old: head + "1\r\n--b--", new: "--b\r\n\r\n1\r\n--b--", rules: []Rule{{Path: "$", Ignore: IgnoreAll}}, tolerated: true},
		{name: "a rule for all that has nothing to do", old: head + "1\r\n--b--", new: head + "1\r\n--b--\r\n", rules: []Rule{{Path: "$", Ignore: IgnoreAll}}},
	})
}

// The boundary of a multipart body is spelling in the header too.
func TestBoundaryIsNoDifference(t *testing.T) {
	old := answer(200, "--a\r\n\r\nx\r\n--a--", ct, "multipart/mixed; boundary=a")
	new := answer(200, "--b\r\n\r\nx\r\n--b--", ct, "multipart/mixed; boundary=b")
	if got := comparer(t).Compare(old, new); got.Verdict != Match {
		t.Errorf("%+v", got)
	}
}

func TestMediaParameter(t *testing.T) {
	for _, tc := range []struct{ declared, want string }{
		{"a/b; boundary=x", "x"},
		{"a/b;Boundary = x ;y=z", "x"},
		{`a/b; c="; boundary=no"; boundary="x \"y\""`, `x "y"`},
		{"a/b; flag; boundary=x", "x"},
		{"a/b; boundary=x; boundary=y", "x"},
		{"a/b", ""},
		{"a/b; boundary", ""},
		{`a/b; boundary="x`, "x"},
	} {
		if got := mediaParameter(tc.declared, "boundary"); got != tc.want {
			t.Errorf("%s: %q", tc.declared, got)
		}
	}
}
