package proxy

import (
	"fmt"
	"slices"
	"strings"
)

// smuggled is the request that hides in what precedes it.
const smuggled = "GET /smuggled/ID/ HTTP/1.1\r\nHost: x\r\n\r\n"

const post = "POST /case/ID/ HTTP/1.1\r\nHost: x\r\n"

func mutations() []mutation {
	return slices.Concat(lengthMutations(), codingMutations(), chunkMutations(), trailerMutations(), lineMutations(), headMutations())
}

// lengthMutations have a Content-Length that only some parsers understand, before a body that holds a request.
func lengthMutations() (out []mutation) {
	length := len(strings.ReplaceAll(smuggled, "ID", "1000"))
	valid := []string{"%d", " %d ", "\t%d\t", "%06d"}
	for _, v := range slices.Concat(valid, []string{
		"+%d", "-%d", "0x%x", "%d.0", "%de0", "%d,%[1]d", "%d, %[1]d", "0, %d", "%d;", "%d 0", "0 %d", "\v%d", "%d\v", "\f%d", "\x00%d", "%d\x00",
		"\xa0%d", "1_%d", "\"%d\"", "%d%%", "%d\r", "\r%d", "99999999999999999999999%d", "184467440737095516%d", "9223372036854775808", "",
		" ", "-0", "NaN", "\u0664%d",
	}) {
		value := v
		if strings.Contains(v, "%") {
			value = fmt.Sprintf(v, length)
		}
		m := mutation{name: "length", text: post + "Content-Length:" + value + "\r\n\r\n" + smuggled}
		if slices.Contains(valid, v) {
			m.bodies = []string{smuggled}
		}
		out = append(out, m)
	}
	same, other := fmt.Sprintf("Content-Length: %d\r\n", length), "Content-Length: 0\r\n"
	out = append(out,
		mutation{name: "same length twice", text: post + same + same + "\r\n" + smuggled, bodies: []string{smuggled}},
		mutation{name: "two lengths", text: post + same + other + "\r\n" + smuggled},
		mutation{name: "two lengths", text: post + other + same + "\r\n" + smuggled},
		mutation{name: "three lengths", text: post + same + same + other + "\r\n" + smuggled},
		mutation{name: "two spellings", text: post + "content-length: 0\r\n" + same + "\r\n" + smuggled},
		mutation{name: "length by a fold", text: post + "Content-Length:\r\n " + fmt.Sprint(length) + "\r\n\r\n" + smuggled, bodies: []string{smuggled}},
		mutation{name: "folded length", text: post + "Content-Length: 0\r\n " + fmt.Sprint(length) + "\r\n\r\n" + smuggled},
		mutation{name: "length of a GET", text: "GET /case/ID/ HTTP/1.1\r\nHost: x\r\n" + same + "\r\n" + smuggled, bodies: []string{smuggled}},
		mutation{name: "shorter than announced", text: post + "Content-Length: 500\r\n\r\n" + smuggled, open: true},
		mutation{name: "Connection names it", text: post + "Connection: Content-Length\r\n" + same + "\r\n" + smuggled, bodies: []string{smuggled}},
	)
	for _, name := range []string{"Content-Length ", "Content-Length\t", " Content-Length", "\tContent-Length", "Content-Length\x00", "\x00Content-Length", "Content Length", "Content-Length\r", "Content\r\n-Length"} {
		out = append(out, mutation{name: "name of the length", text: post + name + ": " + fmt.Sprint(length) + "\r\n\r\n" + smuggled})
	}
	return out
}

// codingMutations have a Transfer-Encoding that only some parsers understand, beside a Content-Length: who goes by the one sees an end
// where who goes by the other sees a request.
func codingMutations() (out []mutation) {
	const ended = "0\r\n\r\n" + smuggled
	all := "Content-Length: " + fmt.Sprint(len(strings.ReplaceAll(ended, "ID", "1000"))) + "\r\n"
	short := "Content-Length: 3\r\n"
	add := func(name, field string, bodies ...string) {
		for _, l := range []string{all, short} {
			out = append(
				out,
				mutation{name: name, text: post + l + field + "\r\n\r\n" + ended, bodies: bodies},
				mutation{name: name + " first", text: post + field + "\r\n" + l + "\r\n" + ended, bodies: bodies},
				mutation{name: name + " 1.0", text: strings.Replace(post, "1.1", "1.0", 1) + "Connection: keep-alive\r\n" + l + field + "\r\n\r\n" + ended, bodies: []string{"0\r\n", ended}},
			)
		}
	}
	for _, v := range []string{" chunked", "chunked", "\tchunked", " chunked ", " chunked\t", " Chunked", " CHUNKED", "\r\n chunked", "\r\n\tchunked"} {
		add("coding", "Transfer-Encoding:"+v, "")
	}
	add("name in another case", "tRANSFER-eNCODING: chunked", "")
	for _, v := range []string{
		"chunked, identity", "identity, chunked", "identity", "gzip, chunked", "chunked, gzip", "chunked;q=1", "xchunked", "chunkedx", "\"chunked\"", "'chunked'",
		"chunked\v", "\vchunked", "\fchunked", "chunked\f", "chunked\x00", "\x00chunked", "chunked,", ",chunked", "chunked chunked", "chunked, chunked", "x", "", "chun\r\n ked",
		"chun\u212aed", "\u00a0chunked", "chunked\r\nTransfer-Encoding: x", "x\r\nTransfer-Encoding: chunked", "chunked\r\nTransfer-Encoding: chunked",
		"chunked\r\nTransfer-Encoding:", "chunked\rX: y", "\rchunked", "chunked\r",
	} {
		add("coding", "Transfer-Encoding: "+v)
	}
	for _, name := range []string{
		"Transfer-Encoding ", "Transfer-Encoding\t", " Transfer-Encoding", "\tTransfer-Encoding", "Transfer-Encoding\x00", "\x00Transfer-Encoding", "Transfer Encoding",
		"Transfer-Encoding\v", "Transfer-Encoding\r", "X: y\rTransfer-Encoding", "X\r\nTransfer-Encoding", "\r\rTransfer-Encoding", ":Transfer-Encoding",
	} {
		add("name of the coding", name+": chunked")
	}
	return out
}

// chunkMutations have chunks of which parsers disagree where they end.
func chunkMutations() (out []mutation) {
	const head = post + "Transfer-Encoding: chunked\r\n\r\n"
	for _, c := range []string{
		"3\r\nabc\r\n", "03\r\nabc\r\n", "0000000000000003\r\nabc\r\n", "3;a=b\r\nabc\r\n", "3;a=\"b c\"\r\nabc\r\n", "3 \r\nabc\r\n", "3\t\r\nabc\r\n", "3 ;a\r\nabc\r\n",
		"3;\r\nabc\r\n", "3;a;b;c\r\nabc\r\n", "1\r\na\r\n2\r\nbc\r\n",
		"00000000000000003\r\nabc\r\n", "3;a=\"\r\n0\r\n\r\n" + smuggled + "\"\r\nabc\r\n", "3;a\nabc\r\n", "3;a\rb\r\nabc\r\n", "3\nabc\r\n", "3\rabc\r\n",
		"3\r\nabc\n", "3\r\nabc", "3\r\nabcx\r\n", "3\r\nabc\r", "3\r\nabc\r\r\n", "3\r\nabc\n\r\n", "3\r\nabc\r\n\r\n", "0x3\r\nabc\r\n", "+3\r\nabc\r\n", "-3\r\nabc\r\n",
		" 3\r\nabc\r\n", "\t3\r\nabc\r\n", "3,0\r\nabc\r\n", "3.0\r\nabc\r\n", "3\x00\r\nabc\r\n", "3\v\r\nabc\r\n", "\uff13\r\nabc\r\n", "\r\nabc\r\n", ";a\r\nabc\r\n", "g\r\nabc\r\n",
		"FFFFFFFFFFFFFFFF\r\nabc\r\n", "10000000000000003\r\nabc\r\n", "7FFFFFFFFFFFFFFF\r\nabc\r\n", "3;" + strings.Repeat("a", 5000) + "\r\nabc\r\n", "3\r\n\r\nabc\r\n", "3 3\r\nabc\r\n",
		"-0\r\n\r\n" + smuggled, "0x0\r\n\r\n" + smuggled, "+0\r\n\r\n" + smuggled, "0\n\n" + smuggled, "0\n\r\n" + smuggled, "0\r\r\n\r\n" + smuggled,
		"0;\n\r\n" + smuggled, " 0\r\n\r\n" + smuggled, "0\r\nX\r\n\r\n" + smuggled, "0\r\n X: y\r\n\r\n" + smuggled, "0\r\nX: \x00\r\n\r\n" + smuggled,
	} {
		unending := strings.Contains(c, "FFFF")
		out = append(out, mutation{name: "chunk", text: head + c + "0\r\n\r\n", bodies: []string{"abc"}, open: unending})
	}
	return out
}

// trailerMutations have fields after the body that must not be there.
func trailerMutations() (out []mutation) {
	for _, f := range []string{"Content-Length: 5", "Transfer-Encoding: chunked", "Host: y", "Trailer: X", "Connection: close", "X: y", "X: y\r\n z", "X : y", "X y: z", " X: y", "X: \x00", "X: a\rb", "X\x00: a", "X", "GET /smuggled/ID/ HTTP/1.1", "Content-Length: 5\r\nContent-Length: 6"} {
		out = append(
			out,
			mutation{name: "trailer", text: post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n" + f + "\r\n\r\n", bodies: []string{"abc"}},
			mutation{name: "announced trailer", text: post + "Trailer: " + before(f) + "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n" + f + "\r\n\r\n", bodies: []string{"abc"}},
		)
	}
	return out
}

// lineMutations have a request line that some take for another.
func lineMutations() (out []mutation) {
	for _, line := range []string{
		"GET /case/ID/ HTTP/1.1", "GET /case/ID/ HTTP/1.0", "\r\nGET /case/ID/ HTTP/1.1", "GET http://x/case/ID/ HTTP/1.1", "GET http://other/case/ID/ HTTP/1.1", "GET https://other:1/case/ID/ HTTP/1.1",
		"GET http://x@y/case/ID/ HTTP/1.1", "GET /case/ID/?/smuggled/ID/ HTTP/1.1", "GET /case/ID/#/smuggled/ID/ HTTP/1.1", "GET /case/ID/\xff HTTP/1.1", "GET /case/ID/%0d%0a%20 HTTP/1.1",
		"GET /case/ID/\\..\\ HTTP/1.1", "get /case/ID/ HTTP/1.1", "GET /case/ID/ HTTP/1.2",
	} {
		out = append(out, mutation{name: "line", text: line + "\r\nHost: x\r\n\r\n", bodies: []string{""}})
	}
	for _, line := range []string{
		"GET /case/ID/", "GET  /case/ID/ HTTP/1.1", "GET /case/ID/  HTTP/1.1", "GET\t/case/ID/\tHTTP/1.1", "GET /case/ID/ HTTP/1.1 ", " GET /case/ID/ HTTP/1.1", "GET /case/ID/ HTTP/1.1 x",
		"GET /case/ID/ x HTTP/1.1", "GET /case/ID/ HTTP/1.1 /smuggled/ID/ HTTP/1.1", "GET /case/ID/\v HTTP/1.1", "GET /case/ID/\x00 HTTP/1.1", "GET /case/ID/\x7f HTTP/1.1", "GET /case/ID/\r HTTP/1.1",
		"GET /case/ID/ HTTP/1.1\r", "GET /case/ID/ HTTP/1.1\x00", "GET /case/ID/ HTTP/2.0", "GET /case/ID/ HTTP/0.9", "GET /case/ID/ HTTP/1.10", "GET /case/ID/ HTTP/01.1",
		"GET /case/ID/ HTTP/1,1", "GET /case/ID/ http/1.1", "GET /case/ID/ HTTP /1.1", "GET /case/ID/ HTTPS/1.1", "GET case/ID/ HTTP/1.1", "GET * HTTP/1.1", "GET ? HTTP/1.1", "GET http:///case/ID/ HTTP/1.1",
		"G(T /case/ID/ HTTP/1.1", "GE\x00T /case/ID/ HTTP/1.1", "GET:/case/ID/ HTTP/1.1", "/case/ID/ HTTP/1.1", "GET HTTP/1.1", "CONNECT x:80 HTTP/1.1", "CONNECT /case/ID/ HTTP/1.1", "TRACE /case/ID/ HTTP/1.1",
		"PRI * HTTP/2.0", "", "\r\n\r\n\r\n\r\n", "GET /case/ID/\x85 HTTP/1.1\x85", "GET /case/ID/\u2028 HTTP/1.1\u2028",
	} {
		out = append(out, mutation{name: "line", text: line + "\r\nHost: x\r\n\r\n"})
	}
	return out
}

// headMutations have a header section that some take for another, or for two requests.
func headMutations() (out []mutation) {
	const get = "GET /case/ID/ HTTP/1.1\r\n"
	for _, h := range []string{
		"Host: x\r\nX: y\r\n z\r\n", "Host: x\r\nX:\r\n", "Host: x\nX: y\n", "Host: x\r\nExpect: 100-continue\r\n", "Host: x\r\nConnection: Host\r\n", "Host: x\r\nConnection: close, X-Forwarded-For\r\n",
		"Host: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n", "Host: x\r\nX-Rewrite-URL: /smuggled/ID/\r\nX-Original-URL: /smuggled/ID/\r\n",
	} {
		out = append(out, mutation{name: "head", text: get + h + "\r\n", bodies: []string{""}})
	}
	for _, h := range []string{
		"", "X: y\r\n", "Host: x\r\nHost: y\r\n", "Host: x\r\nHost: x\r\n", "Host: x\r\nhost: y\r\n", "Host: x y\r\n", "Host: x\x00\r\n", "Host : x\r\n", " Host: x\r\n", "Host: x\r\nX y: z\r\n", "Host: x\r\nX : y\r\n",
		"Host: x\r\n: y\r\n", "Host: x\r\nX\r\n", "Host: x\r\nX: \x00\r\n", "Host: x\r\nX: a\rb\r\n", "Host: x\r\nX: a\r\r\n", "Host: x\r\n\rX: a\r\n", "Host: x\r\nX\x7f: a\r\n", "Host: x\r\nX\xff: a\r\n", "Host: x\r\nX: \x01\r\n",
		"Host: x\r\nX: a\x7f\r\n", "Host: x\r\nX: a\r\n\rGET /smuggled/ID/ HTTP/1.1\r\n", "Host: x\r\nExpect: x\r\n", "Host: x\r\n\vX: y\r\n", "Host: x/smuggled\r\n", "Host: x\r\n\tHost: y\r\n",
	} {
		out = append(out, mutation{name: "head", text: get + h + "\r\n"})
	}
	return out
}

func before(field string) string {
	name, _, _ := strings.Cut(field, ":")
	return name
}
