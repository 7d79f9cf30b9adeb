package proxy

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

const oddValues = "X-Latin: caf\xe9 \xff\x80\r\nX-Utf: \xc3\xbc\r\nX-Tab: a\tb\r\nX-Empty:\r\nX-Quoted: \"a,b\", W/\"c\";q=0.5\r\nX-Comma: a,b , c\r\nX-Spaces:   a  b   \r\n" +
	"x-lower: 1\r\nX_Under: 2\r\nX-!#$%&'*+.^`|~: 3\r\nX-Same: 3\r\nX-Same: 1\r\nx-same: 2\r\nX-Same: 1\r\n"

// oddWant is what must be read of oddValues, on either side.
var oddWant = map[string][]string{
	"X-Latin": {"caf\xe9 \xff\x80"}, "X-Utf": {"\xc3\xbc"}, "X-Tab": {"a\tb"}, "X-Empty": {""}, "X-Quoted": {"\"a,b\", W/\"c\";q=0.5"}, "X-Comma": {"a,b , c"},
	"X-Spaces": {"a  b"}, "X-Lower": {"1"}, "X_Under": {"2"}, "X-!#$%&'*+.^`|~": {"3"}, "X-Same": {"3", "1", "2", "1"},
}

func TestTransparentHeaderValuesAndTheirOrder(t *testing.T) {
	answer := "HTTP/1.1 200 OK\r\n" + oddValues + "Content-Length: 2\r\n\r\nok"
	authority, shadow := always(t, answer), always(t, answer)
	r := mirrored(t, authority.Server, shadow.Server)
	f := r.dial(t)
	f.send("GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", oddValues)
	got := f.answer("GET")
	settled(t, r)
	for side, m := range map[string]message{"client": got, "authority": authority.only(t), "shadow": shadow.only(t)} {
		for name, want := range oddWant {
			if v := m.values(name); !slices.Equal(v, want) {
				t.Errorf("%s: %s is %q, want %q", side, name, v, want)
			}
		}
	}
}

func TestTransparentManySetCookieInOrder(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprintf("c%d=%d; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/, %d; HttpOnly", 1000-i, i, i))
		lines.WriteString("Set-Cookie: " + want[i] + "\r\n")
	}
	besideEveryShadow(t, func(t *testing.T) *httptest.Server {
		return always(t, "HTTP/1.1 200 OK\r\n"+lines.String()+"Content-Length: 0\r\n\r\n").Server
	}, func(t *testing.T, r *rig) {
		f := r.dial(t)
		f.send("GET / HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n")
		if got := f.answer("GET").values("Set-Cookie"); !slices.Equal(got, want) {
			t.Errorf("%d cookies: %q", len(got), got)
		}
	})
}

// What the client says and the proxy adds nothing to; both legs get the same.
func TestTransparentTraceparentOnBothLegs(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, method := range []string{"GET", "POST"} {
		authority, shadow := always(t, sized), always(t, sized)
		r := mirrored(t, authority.Server, shadow.Server)
		f := r.dial(t)
		f.send("%s /read/x HTTP/1.1\r\nHost: x\r\nTraceparent: %s\r\ntracestate: a=1,b=2\r\nTraceState: c=3\r\nContent-Length: 0\r\n\r\n", method, parent)
		f.answer(method)
		settled(t, r)
		for side, m := range map[string]message{"authority": authority.only(t), "shadow": shadow.only(t)} {
			if m.value("traceparent") != parent || m.value("tracestate") != "a=1,b=2|c=3" {
				t.Errorf("%s %s: %v", method, side, m.fields)
			}
		}
	}
}

// Nothing is added to a request but what the reference names, and nothing to an answer but Via and a Date where there was none.
func TestTransparentNothingElseIsAdded(t *testing.T) {
	const date = "Date: Sat, 21 Nov 2026 08:00:00 GMT\r\n"
	for _, body := range []string{"", "hello"} {
		answer := fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", date, len(body), body)
		authority := always(t, answer)
		r := mirrored(t, authority.Server, always(t, answer).Server)
		f := r.dial(t)
		f.send("GET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n")
		if names := namesOf(f.answer("GET").fields); names != "Content-Length Date Via" {
			t.Errorf("the client got %s", names)
		}
		if names := namesOf(authority.only(t).fields); names != "Accept Host Via X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto" {
			t.Errorf("the authority got %s", names)
		}
		settled(t, r)
	}
}

func namesOf(fields []field) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// The content goes through as it is coded: nothing is decoded, and no coding asked for that the client did not ask for.
func TestTransparentGzipPassesUntouched(t *testing.T) {
	t.Parallel()
	const zipped = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xffbroken on purpose\r\n\x00"
	for _, framing := range []string{fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(zipped), zipped), fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(zipped), zipped)} {
		besideEveryShadow(t, func(t *testing.T) *httptest.Server {
			return play(t, func(w *wire, m message) bool {
				w.say("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nX-Asked: %s\r\nX-Sent: %x\r\n%s", m.value("Accept-Encoding"), m.body, framing)
				return true
			}).Server
		}, func(t *testing.T, r *rig) {
			f := r.dial(t)
			for _, accept := range []string{"", "gzip", "br;q=1, gzip;q=0.5"} {
				line := ""
				if accept != "" {
					line = "Accept-Encoding: " + accept + "\r\n"
				}
				f.send("POST /read/x HTTP/1.1\r\nHost: x\r\n%sContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", line, len(zipped), zipped)
				m := f.answer("POST")
				if m.body != zipped || m.value("Content-Encoding") != "gzip" || m.value("X-Asked") != accept || m.value("X-Sent") != fmt.Sprintf("%x", zipped) {
					t.Errorf("%+v", m)
				}
			}
		})
	}
}
