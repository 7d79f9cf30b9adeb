package upstream

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// answers is what backends send, in and out of order.
var answers = []struct{ name, wire string }{
	{"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{"length", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"},
	{"other spelling", "HTTP/1.1 200 OK\r\ncontent-type: a\r\nCONTENT-LENGTH: 5\r\nx-own-thing:  b \t\r\nX-OWN-thing: c\r\n\r\nhello"},
	{"until close", "HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello"},
	{"no fields", "HTTP/1.1 200 OK\r\n\r\nhello"},
	{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"HTTP/1.0 keep-alive", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi"},
	{"HTTP/1.0 close", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive, close\r\nContent-Length: 2\r\n\r\nhi"},
	{"HTTP/1.0 chunked", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"},
	{"HTTP/1.5", "HTTP/1.5 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"HTTP/0.9", "HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"HTTP/1.10", "HTTP/1.10 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"not HTTP", "SSH-2.0-OpenSSH\r\n\r\n"},
	{"close", "HTTP/1.1 200 OK\r\nConnection: x, CLOSE\r\nContent-Length: 2\r\n\r\nhi"},
	{"keep-alive", "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nhi"},
	{"close in a second field", "HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"},
	{"no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi"},
	{"empty reason", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi"},
	{"spaces before the status", "HTTP/1.1   200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"reason with anything", "HTTP/1.1 200 a\x00\xff\r\nContent-Length: 2\r\n\r\nhi"},
	{"four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"two digits", "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"no digits", "HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"signed", "HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"below 100", "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"999", "HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"no space", "HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"},
	{"tab", "HTTP/1.1\t200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"empty line first", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\nX: y\n\nhi"},
	{"one bare line feed", "HTTP/1.1 200 OK\r\nContent-Length: 2\nX: y\r\n\r\nhi"},
	{"bare carriage return", "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nhi"},
	{"two carriage returns", "HTTP/1.1 200 OK\r\nX: a\r\r\nContent-Length: 2\r\n\r\nhi"},
	{"line of a carriage return", "HTTP/1.1 200 OK\r\nX: a\r\n\r\r\nContent-Length: 2\r\n\r\nhi"},
	{"continued", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\t  c\r\nContent-Length: 2\r\n\r\nhi"},
	{"continued by nothing", "HTTP/1.1 200 OK\r\nX: a\r\n \r\nContent-Length: 2\r\n\r\nhi"},
	{"continues nothing", "HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 2\r\n\r\nhi"},
	{"continued length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\nhi"},
	{"no colon", "HTTP/1.1 200 OK\r\nX\r\nContent-Length: 2\r\n\r\nhi"},
	{"no name", "HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\nhi"},
	{"space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi"},
	{"space in a name", "HTTP/1.1 200 OK\r\nX y: z\r\nContent-Length: 2\r\n\r\nhi"},
	{"invalid name", "HTTP/1.1 200 OK\r\nX(y): z\r\nContent-Length: 2\r\n\r\nhi"},
	{"non-ASCII name", "HTTP/1.1 200 OK\r\nX\xe9: z\r\nContent-Length: 2\r\n\r\nhi"},
	{"non-ASCII value", "HTTP/1.1 200 OK\r\nX: \xe9\xff\r\nContent-Length: 2\r\n\r\nhi"},
	{"control in a value", "HTTP/1.1 200 OK\r\nX: abcdefgh\x01ijklmnop\r\nContent-Length: 2\r\n\r\nhi"},
	{"delete in a value", "HTTP/1.1 200 OK\r\nX: abcdefgh\x7fijklmnop\r\nContent-Length: 2\r\n\r\nhi"},
	{"tab in a value", "HTTP/1.1 200 OK\r\nX: abcdefgh\tijklmnop\r\nContent-Length: 2\r\n\r\nhi"},
	{"nul in a value", "HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 2\r\n\r\nhi"},
	{"empty value", "HTTP/1.1 200 OK\r\nX:\r\nY: \t\r\nContent-Length: 2\r\n\r\nhi"},
	{"colons in a value", "HTTP/1.1 200 OK\r\nX: a:b: c\r\nContent-Length: 2\r\n\r\nhi"},
	{"many Set-Cookie", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX: y\r\nset-cookie: b=2\r\nSet-Cookie: c=3\r\nContent-Length: 0\r\n\r\n"},
	{"same length twice", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length:  2\r\n\r\nhi"},
	{"lengths that differ", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhix"},
	{"list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi"},
	{"length with plus", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi"},
	{"length with minus", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi"},
	{"hexadecimal length", "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nhi"},
	{"length with underscore", "HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\nhi"},
	{"empty length", "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nhi"},
	{"huge length", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nhi"},
	{"large length", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nhi"},
	{"length with zeros", "HTTP/1.1 200 OK\r\nContent-Length: 0002\r\n\r\nhi"},
	{"too long", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi, there"},
	{"too short", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhi"},
	{"two answers", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"},
	{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"},
	{"chunked in capitals", "HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n"},
	{"chunked and length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"chunked and a bad length", "HTTP/1.1 200 OK\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"list of encodings", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"identity", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi"},
	{"encoding with a tab", "HTTP/1.1 200 OK\r\nTransfer-Encoding: \tchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"encoding with a folded letter", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chun\xe2\x84\xaaed\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"extensions", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\";c\r\nhello\r\n0;x\r\n\r\n"},
	{"space behind the size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 \t\r\nhello\r\n0\r\n\r\n"},
	{"space before the extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 ;a\r\nhello\r\n0\r\n\r\n"},
	{"space before the size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n"},
	{"0x in the size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"},
	{"no size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n"},
	{"long size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000005\r\nhello\r\n0\r\n\r\n"},
	{"sixteen digits", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000005\r\nhello\r\n0\r\n\r\n"},
	{"bare line feed behind the size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"},
	{"bare line feed behind the data", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n"},
	{"carriage return in an extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n"},
	{"data too long", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n"},
	{"other bytes behind the data", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n"},
	{"bytes behind the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"},
	{"trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A, x-b,\r\n\r\n5\r\nhello\r\n0\r\nx-a: 1\r\nX-C: 2\r\nX-C: 3\r\n\r\n"},
	{"announced and not sent", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"announced without chunks", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTrailer: X-A\r\n\r\nhi"},
	{"forbidden trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: content-length\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"malformed trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA b\r\n\r\n"},
	{"trailer with a bare line feed", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\nC: d\r\n\r\n"},
	{"trailer that ends in line feeds", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\n"},
	{"line feed for a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n"},
	{"204", "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"},
	{"204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"},
	{"204 with a body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"},
	{"204 in chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nEtag: \"x\"\r\n\r\n"},
	{"304 with a bad length", "HTTP/1.1 304 Not Modified\r\nContent-Length: x\r\n\r\n"},
	{"205", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"},
	{"100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"103 twice", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\nHTTP/1.1 103 X\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"102 with a length", "HTTP/1.1 102 Processing\r\nContent-Length: 5\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"103 with an encoding", "HTTP/1.1 103 X\r\nTransfer-Encoding: gzip\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"},
	{"33 informational", strings.Repeat("HTTP/1.1 103 X\r\n\r\n", 33) + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"32 informational", strings.Repeat("HTTP/1.1 103 X\r\n\r\n", 32) + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
	{"pragma", "HTTP/1.1 200 OK\r\nPragma: no-cache\r\nContent-Length: 2\r\n\r\nhi"},
	{"Upgrade offered", "HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nhi"},
	{"encoded", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi"},
	{"many fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Number: 1\r\nY-Number: 2\r\n", 40) + "Content-Length: 2\r\n\r\nhi"},
}

var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost}

func TestAnswersAsNetHTTPReadsThem(t *testing.T) {
	for _, c := range answers {
		t.Run(c.name, func(t *testing.T) {
			for _, method := range methods {
				data := []byte(c.wire)
				ref := theirs(data, method)
				compare(t, data, ours([][]byte{data}, method, 512), ref, true)
				compare(t, data, ours(slices.Collect(slices.Chunk(data, 1)), method, 512), ref, false)
				compare(t, data, ours(slices.Collect(slices.Chunk(data, 3)), method, 1), ref, false)
				for i := 0; i < len(data); i += 1 + len(data)/300 {
					compare(t, data, ours(append(nonEmpty(data[:i]), data[i:]), method, 4096), ref, false)
					cut := data[:i]
					compare(t, cut, ours(nonEmpty(cut), method, 3), theirs(cut, method), true)
				}
			}
		})
	}
}

func nonEmpty(data []byte) [][]byte {
	if len(data) == 0 {
		return nil
	}
	return [][]byte{data}
}

// TestLargeAnswers goes beyond every buffer.
func TestLargeAnswers(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 20<<10)
	var many strings.Builder
	for rest := text[:40000]; rest != ""; {
		n := min(len(rest), 1+len(rest)%3000)
		writeChunk(&many, rest[:n])
		rest = rest[n:]
	}
	var one strings.Builder
	writeChunk(&one, text)
	for _, c := range []struct{ name, wire string }{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 327680\r\n\r\n" + text},
		{"until close", "HTTP/1.1 200 OK\r\n\r\n" + text},
		{"one chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + one.String() + "0\r\n\r\n"},
		{"many chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + many.String() + "0\r\nA: b\r\n\r\n"},
		{"large head", "HTTP/1.1 200 OK\r\nX: " + text[:100000] + "\r\nContent-Length: 2\r\n\r\nhi"},
		{"large odd head", "HTTP/1.1 200 OK\r\nX: " + text[:100000] + "\n b\r\nContent-Length: 2\r\n\r\nhi"},
		{"byte by byte", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\nx\r\n", 5000) + "0\r\n\r\n"},
		{"extensions", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+text[:100]+"\r\nx\r\n", 1000) + "0\r\n\r\n"},
		{"long extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + text[:4092] + "\r\nx\r\n0\r\n\r\n"},
		{"longest extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + text[:4091] + "\r\nx\r\n0\r\n\r\n"},
		{"longer extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + text[:4093] + "\r\nx\r\n0\r\n\r\n"},
		{"long trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + text[:5000] + "\r\n\r\n"},
		{"longest trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + text[:4089] + "\r\n\r\n"},
		{"longer trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + text[:4090] + "\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := []byte(c.wire)
			ref := theirs(data, http.MethodGet)
			for _, size := range []int{1000, 4095, 4096, 4097, len(data)} {
				for _, room := range []int{512, 2048, 4096, 40000, len(data)} {
					compare(t, data[:60], ours(slices.Collect(slices.Chunk(data, size)), http.MethodGet, room), ref, false)
				}
			}
		})
	}
}

// TestStricter: what the package's doc comment says is an error here, or costs the connection.
func TestStricter(t *testing.T) {
	const end = "Content-Length: 0\r\n\r\n"
	for _, c := range []struct {
		name, wire string
		err        error
	}{
		{"HTTP/2.0", "HTTP/2.0 200 OK\r\n" + end, errMalformed},
		{"below 100", "HTTP/1.1 099 OK\r\n" + end, errMalformed},
		{"signed", "HTTP/1.1 +20 OK\r\n" + end, errMalformed},
		{"space before the colon", "HTTP/1.1 200 OK\r\nX : y\r\n" + end, errHeader},
		{"switch", "HTTP/1.1 101 X\r\nUpgrade: y\r\n\r\n", errSwitch},
		{"33 informational", strings.Repeat("HTTP/1.1 103 X\r\n\r\n", 33) + "HTTP/1.1 200 OK\r\n" + end, errInformational},
		{"odd trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\nC: d\r\n\r\n", errTrailer},
		{"204 with a length", "HTTP/1.1 204 X\r\nContent-Length: 1\r\n\r\n", nil},
		{"204 in chunks", "HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n", nil},
	} {
		s := ours([][]byte{[]byte(c.wire)}, http.MethodGet, 512)
		if err := errors.Join(s.err, s.bodyErr); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
		if s.keep {
			t.Errorf("%s: the connection was kept", c.name)
		}
	}
}
