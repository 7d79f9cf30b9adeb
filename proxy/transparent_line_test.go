package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// targets are request targets that a proxy is tempted to tidy up.
var targets = []string{
	"/", "/?", "/?a", "/?a=", "/?=", "/?&", "/?&&=&", "/?a=1&a=2&a=1", "/?a=&b&=c", "/??", "/?a?b", "/?a=b=c",
	"/a;b", "/a;b=c;d", "/?a;b", "/?a=1;b=2&c", "/;/?;", "/a%3Bb",
	"/a%2Fb", "/a%2fb", "/%2F", "/%2f%2F", "/a%2F%2Fb", "/%2e%2E/", "/%2E", "/a%5Cb", "/%41%61", "/%00", "/?%zz", "/?%", "/%25", "/%252F",
	"//", "///", "//a", "//{}|\\^`", "//\xc3\xbc", "//\"<>", "/a//b", "/a/b//", "//a//b//", "/.", "/..", "/./", "/../", "/a/./b", "/a/../b", "/a/.../b", "/a/..;/b",
	"/a+b", "/a%20b", "/?a+b", "/?a=%2B+%20", "/a%2Bb",
	"/\xc3\xbc", "/%C3%BC", "/%c3%bc", "/\xfc", "/?\xff\xfe=\x80", "/\xe4\xbd\xa0\xe5\xa5\xbd?\xe4=\xbd",
	"/{}|\\^`[]", "/\"<>'", "/!$&'()*+,;=:@-._~", "/?{}|\\^`[]\"<>#", "/a#b", "/#", "/?#", "/a:80/b", "/http://x/y", "/*", "/a@b:c",
	"/" + strings.Repeat("long/", 6000) + "end", "/?" + strings.Repeat("q=1&", 6000),
}

func TestTransparentRequestLineBitForBit(t *testing.T) {
	for _, base := range []string{"", "/base", "/base//x"} {
		t.Run("base "+base, func(t *testing.T) {
			authority, shadow := always(t, sized), always(t, sized)
			r := mirrored(t, authority.Server, shadow.Server, func(o *Options) { o.Old.URL.Path, o.New.URL.Path = base, base })
			f := r.dial(t)
			var want []string
			for _, target := range targets {
				if f.send("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target); f.answer("GET").status() != 200 {
					t.Errorf("%q was refused", target)
				}
				want = append(want, base+target)
			}
			settled(t, r)
			var asked []string
			for _, m := range authority.requests() {
				asked = append(asked, m.target())
			}
			for i := range want {
				if i >= len(asked) || asked[i] != want[i] {
					t.Fatalf("%.80q arrived as %.80q", want[i], asked[min(i, len(asked)-1)])
				}
			}
			asked = nil
			for _, m := range shadow.requests() {
				asked = append(asked, m.target())
			}
			slices.Sort(asked)
			if slices.Sort(want); !slices.Equal(asked, want) {
				t.Errorf("the shadow was asked for %.200q", asked)
			}
		})
	}
}

func TestTransparentMethods(t *testing.T) {
	authority, shadow := always(t, sized), always(t, sized)
	r := mirrored(t, authority.Server, shadow.Server)
	for _, method := range []string{"GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "FROB", "get", "M-SEARCH", "PROPFIND"} {
		f := r.dial(t)
		f.send("%s /read/x HTTP/1.1\r\nHost: x\r\n\r\n", method)
		f.answer(method)
		all := authority.requests()
		if last := all[len(all)-1]; last.line != method+" /read/x HTTP/1.1" || last.body != "" {
			t.Errorf("%s arrived as %s", method, last.line)
		}
	}
	settled(t, r)
}

func TestTransparentOptionsOfTheWholeServer(t *testing.T) {
	for _, base := range []string{"", "/base"} {
		authority, shadow := always(t, sized), always(t, sized)
		r := mirrored(t, authority.Server, shadow.Server, func(o *Options) { o.Old.URL.Path, o.New.URL.Path = base, base })
		f := r.dial(t)
		f.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
		if m := f.answer("OPTIONS"); m.body != "hello" {
			t.Errorf("%+v", m)
		}
		settled(t, r)
		if a, s := authority.only(t), shadow.only(t); a.target() != "*" || s.target() != "*" {
			t.Errorf("the backends were asked for %s and %s", a.target(), s.target())
		}
	}
}

func TestTransparentAbsoluteForm(t *testing.T) {
	for target, want := range map[string]string{
		"http://other/x":            "/x",
		"http://other:8080/a%2fb?c": "/a%2fb?c",
		"http://other":              "/",
		"http://other?a;b":          "/?a;b",
		"https://other//a/./b?":     "//a/./b?",
		"HTTP://OTHER/A":            "/A",
	} {
		t.Run(target, func(t *testing.T) {
			authority, shadow := always(t, sized), always(t, sized)
			r := mirrored(t, authority.Server, shadow.Server, func(o *Options) { o.Old.ClientHost = true })
			f := r.dial(t)
			f.send("GET %s HTTP/1.1\r\nHost: ignored\r\n\r\n", target)
			f.answer("GET")
			m := authority.only(t)
			if m.target() != want || !strings.HasPrefix(strings.ToLower(m.value("Host")), "other") {
				t.Errorf("arrived as %s, host %s", m.target(), m.value("Host"))
			}
			settled(t, r)
		})
	}
}

func TestTransparentTargetsThatAreNone(t *testing.T) {
	for _, base := range []string{"", "/base"} {
		authority := always(t, sized)
		r := mirrored(t, authority.Server, always(t, sized).Server, func(o *Options) { o.Old.URL.Path = base })
		for _, line := range []string{
			"GET v2:/x", "GET x", "GET x/y", "GET *", "POST *", "GET *x", "OPTIONS *x", "GET mailto:a@b", "OPTIONS x:*", "GET ?a", "GET /a b", "GET /a\tb", "GET ", "GET /%zz", "GET /%", "GET /a%2", "GET /\x01", "GET /\x7f",
		} {
			f := r.dial(t)
			f.send("%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", line)
			if m := f.answer("GET"); m.status() != 400 {
				t.Errorf("%q: %s", line, m.line)
			}
		}
		if n := len(authority.requests()); n > 0 {
			t.Errorf("the backend got %d of them", n)
		}
	}
}

func TestTransparentHostEitherWay(t *testing.T) {
	for _, host := range []string{"shop.example", "Shop.Example:8443", "[::1]:80", "10.0.0.1"} {
		authority, shadow := always(t, sized), always(t, sized)
		r := mirrored(t, authority.Server, shadow.Server, func(o *Options) { o.New.ClientHost = true })
		f := r.dial(t)
		f.send("GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host)
		f.answer("GET")
		if got, want := authority.only(t).value("Host"), authority.Listener.Addr().String(); got != want {
			t.Errorf("host: backend sends %s, want %s", got, want)
		}
		if got := authority.only(t).value("X-Forwarded-Host"); got != host {
			t.Errorf("X-Forwarded-Host: %s, want %s", got, host)
		}
		if got := shadow.only(t).value("Host"); got != host {
			t.Errorf("host: client sends %s, want %s", got, host)
		}
		settled(t, r)
	}
	authority, shadow := always(t, sized), always(t, sized)
	r := mirrored(t, authority.Server, shadow.Server, func(o *Options) { o.Old.ClientHost = true })
	f := r.dial(t)
	f.send("GET / HTTP/1.0\r\n\r\n")
	f.answer("GET")
	if m := authority.only(t); len(m.values("Host")) != 1 || m.values("X-Forwarded-Host") != nil {
		t.Errorf("without a Host: %v", m.fields)
	}
	settled(t, r)
}

// mirror.key: header:Host samples by the host that was asked for.
func TestSamplingByHost(t *testing.T) {
	r := start(t, shadowPlan, text("a"), text("a"), func(o *Options) {
		o.Table.Key = "header:host"
		o.Table.Routes = []Route{{Name: "all", Kind: Read, Mirror: new(float64)}}
		*o.Table.Routes[0].Mirror = 0.5
	})
	for i := range 20 {
		before, _ := r.account.counts()
		for range 4 {
			r.raw(fmt.Sprintf("GET / HTTP/1.1\r\nHost: h%d\r\nConnection: close\r\n\r\n", i))
		}
		if after, _ := r.account.counts(); after-before != 0 && after-before != 4 {
			t.Errorf("host %d: %d of 4 are mirrored", i, after-before)
		}
	}
	settled(t, r)
	if s, _ := parseKey("header:Host"); s.key(&inbound{host: "a", header: http.Header{}}) != "a" {
		t.Error("the host is no key")
	}
}
