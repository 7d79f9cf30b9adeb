package compare

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"paritygate/internal/testkit"
)

func TestRedactTrees(t *testing.T) {
	isPin := func(name string) bool { return name == "pin" }
	const web = "application/grpc-web+json"
	for _, tc := range []struct{ name, media, in, want string }{
		{"elements", "application/xml", `<a><password>x</password><b id="1">y</b></a>`, `<a><password>[redacted]</password><b id="1">y</b></a>`},
		{"elements with elements", "text/xml", `<a><password x="1"><b/>y</password></a>`, `<a><password x="[redacted]">[redacted]</password></a>`},
		{"attributes", "application/xml", `<a x='1' password='y'/>`, `<a x='1' password='[redacted]'/>`},
		{"whatever their prefix", "application/soap+xml", `<p:a xmlns:p="u" p:password="y"><p:password>x</p:password></p:a>`, `<p:a xmlns:p="u" p:password="[redacted]"><p:password>[redacted]</p:password></p:a>`},
		{"names that are secret", "application/xml", `<a pin="1"><pin>2</pin></a>`, `<a pin="[redacted]"><pin>[redacted]</pin></a>`},
		{"one of many", "application/xml", `<k><v>1</v><v>2</v></k>`, `<k><v>1</v><v>[redacted]</v></k>`},
		{"a path without the index", "application/xml", `<u><w><s>1</s></w><w><s>2</s></w></u>`, `<u><w><s>[redacted]</s></w><w><s>[redacted]</s></w></u>`},
		{"a text by its path", "application/xml", `<m>1<b/><![CDATA[2]]>3</m>`, `<m>[redacted]<b/>[redacted]</m>`},
		{"nothing", "application/xml", "\ufeff<a/>", "\ufeff<a/>"},
		{"XML that cannot be read", "application/xml", `<a>`, "[redacted: not readable as XML]"},
		{"HTML", "text/html", `<p>x`, `<p>x`},
		{"HTML with such an element", "text/html", `<password>x</password>`, redactedTree},
		{"JSON that is called HTML", "text/html", `{"password":1}`, `{"password":"[redacted]"}`},
		{"a message", "application/protobuf", varint(1, 1) + bytesField(2, varint(3, 1)), redactedTree},
		{"another message", "application/protobuf", varint(1, 1) + bytesField(2, varint(4, 1)), varint(1, 1) + bytesField(2, varint(4, 1))},
		{"a call", "application/grpc", grpcFrame(0, bytesField(2, varint(3, 1))), grpcFrame(0, redactedTree)},
		{"a call with JSON", web, grpcFrame(0, `{"pin":1,"password":2}`), grpcFrame(0, `{"pin":"[redacted]","password":"[redacted]"}`)},
		{"a call that cannot be read", web, "x", "[redacted: not readable as gRPC]"},
	} {
		r := redactor(t, "$..password", "$.k.v[1]", "$.u.w.s", "$.m['#text']", "$['2']['3']")
		if got := r.Body(answer(200, tc.in, ct, tc.media), isPin); string(got) != tc.want {
			t.Errorf("%s: %q", tc.name, got)
		}
	}
}

// However two trees differ, neither a stored body nor a difference shows what is secret.
func TestNoTreeLeaks(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	red := redactor(t, "$..secret", "$.r.i.p", "$.html.body.secret")
	var tree func(depth int) string
	tree = func(depth int) string {
		switch n := r.IntN(7); {
		case depth == 0 || n == 0:
			return fmt.Sprintf("t%d", r.IntN(3))
		case n < 3:
			return fmt.Sprintf("<secret>hunter2%d</secret>", r.IntN(2))
		case n == 3:
			return fmt.Sprintf("<x secret='hunter2%d'/>", r.IntN(2))
		default:
			return fmt.Sprintf("<n%d>%s%s</n%d>", n, tree(depth-1), tree(depth-1), n)
		}
	}
	for range testkit.Rounds(500) {
		for _, media := range []string{"application/xml", "text/html"} {
			document := func() *Answer {
				body := "<r><i><p>hunter2" + fmt.Sprint(r.IntN(2)) + "</p></i>" + strings.Repeat("<i><p>hunter2</p></i>", r.IntN(2)) + tree(3) + "</r>"
				if media == "text/html" {
					body = strings.ReplaceAll(body, "<p>hunter2", "<p secret='hunter2'>")
				}
				return answer(200, body, ct, media)
			}
			old, new := document(), document()
			for _, a := range []*Answer{old, new} {
				if out := red.Body(a, nil); strings.Contains(string(out), "hunter2") {
					t.Fatalf("%s: stored: %s", media, out)
				}
			}
			for _, d := range comparer(t).Compare(old, new).Differences {
				if d = red.Difference(d); strings.Contains(d.Old+d.New, "hunter2") {
					t.Fatalf("%s and %s: %+v", old.Body, new.Body, d)
				}
			}
		}
	}
}
