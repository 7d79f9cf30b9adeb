package evidence

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paritygate/compare"
)

// secret is what must be found nowhere.
const secret = "s3cr3tValue"

func TestNoSecretIsStored(t *testing.T) {
	gzipped := func(text string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(text)) // to memory: it cannot fail
		_ = w.Close()
		return b.Bytes()
	}
	header := func(name string) func(*Exchange) {
		return func(x *Exchange) {
			x.Header = map[string][]string{name: {secret, "Bearer " + secret}}
			x.Old.Header = map[string][]string{name: {secret}}
			x.New.Header = map[string][]string{name: {secret}}
			x.Differences = []compare.Difference{{Location: compare.InHeader, Path: strings.ToLower(name), Kind: compare.KindValue, Old: secret, New: secret + "2"}}
		}
	}
	body := func(contentType, text string) func(*Exchange) {
		return func(x *Exchange) {
			x.Old.Header = map[string][]string{"Content-Type": {contentType}}
			x.Old.Body, x.New.Body = []byte(text), []byte(text)
		}
	}
	encoded := func(encoding string, content []byte) func(*Exchange) {
		return func(x *Exchange) {
			x.Old.Header = map[string][]string{"Content-Type": {"application/json"}, "Content-Encoding": {encoding}}
			x.Old.Body = content
		}
	}
	differs := func(path, value string) func(*Exchange) {
		return func(x *Exchange) {
			x.Differences = []compare.Difference{{Location: compare.InBody, Path: path, Kind: compare.KindValue, Old: value, New: value + " "}}
		}
	}
	tests := map[string]func(*Exchange){
		"Authorization": header("Authorization"), "Cookie": header("Cookie"), "Set-Cookie": header("Set-Cookie"),
		"Proxy-Authorization": header("Proxy-Authorization"), "X-Api-Key": header("X-Api-Key"), "apikey": header("apikey"),
		"CF-Access-Client-Secret": header("Cf-Access-Client-Secret"), "CF-Access-Client-Id": header("Cf-Access-Client-Id"),
		"CF-Access-Jwt-Assertion": header("Cf-Access-Jwt-Assertion"), "X-Auth-Token": header("X-Auth-Token"), "configured": header("X-Tenant"),
		"Referer": func(x *Exchange) {
			x.Header = map[string][]string{"Referer": {"https://x/?a=1&access_token=" + secret}}
		},
		"Location": func(x *Exchange) {
			x.New.Header = map[string][]string{"Location": {"/cb#id_token=" + secret}}
			x.Differences = []compare.Difference{{Location: compare.InHeader, Path: "location", Kind: compare.KindExtra, New: "/cb#id_token=" + secret}}
		},
		"parameter":               func(x *Exchange) { x.Target = "/x?a=1&token=" + secret + "&b=2" },
		"parameter key":           func(x *Exchange) { x.Target = "/x?key=" + secret },
		"parameter in brackets":   func(x *Exchange) { x.Target = "/x?user%5Bpassword%5D=" + secret },
		"parameter after ;":       func(x *Exchange) { x.Target = "/x?a=1;api_key=" + secret },
		"error":                   func(x *Exchange) { x.New.Error = `Get "http://u:` + secret + `@h/x?sig=` + secret + `": EOF` },
		"JSON":                    body("application/json", `{"a":[{"ssn":"`+secret+`"}]}`),
		"JSON without its type":   body("", ` {"ssn":"`+secret+`"}`),
		"JSON, usual names":       body("application/json", `{"user":{"password":"`+secret+`","access_token":{"v":["`+secret+`"]}}}`),
		"JSON, escaped name":      body("application/json", `{"pass\u0077ord" : "`+secret+`"}`),
		"JSON, link":              body("application/json", `{"next":"https://x/?a=1&apikey=`+secret+`"}`),
		"JSON, cut off":           body("application/json", `{"password":"`+secret),
		"JSON, cut off at a path": body("application/json", `{"ssn":"`+secret),
		"form":                    body("application/x-www-form-urlencoded", "a=1&client_secret="+secret),
		"HTML":                    body("text/html", `<a href="/x?session_token=`+secret+`">`),
		"gzip":                    encoded("gzip", gzipped(`{"ssn":"`+secret+`","password":"`+secret+`"}`)),
		"br":                      encoded("br", []byte(secret)),
		"gzip that is none":       encoded("gzip", []byte(secret)),
		"difference":              differs("$.a[0].ssn", `"`+secret+`"`),
		"difference above":        differs("$.a[0]", `{"ssn":"`+secret+`"}`),
		"difference above, short": differs("$.a[0]", `{"ssn":"`+secret),
		"difference, usual name":  differs("$.login['refresh_token']", `"`+secret+`"`),
		"difference inside one":   differs("$.password[0].x", `"`+secret+`"`),
		"difference with members": differs("$.login", `{"clientSecret": "`+secret+`"}`),
		"difference in a link":    differs("$.next", `"/x?token=`+secret+`"`),
	}
	redactor, err := compare.NewRedactor([]string{"$..ssn"})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			o := options(t, newClock())
			o.Redactor, o.RedactHeaders = redactor, []string{"X-Tenant"}
			s := mustOpen(t, o)
			x := exchange(o.Now(), 1, compare.Mismatch)
			change(x)
			see(s, x)
			_, samples := mismatches(t, s, Filter{})
			if len(samples) != 1 {
				t.Fatalf("%d samples", len(samples))
			}
			files, err := filepath.Glob(o.Path + "*")
			if err != nil || len(files) < 3 {
				t.Fatal(files, err)
			}
			for _, f := range files {
				content, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(content, []byte(secret)) {
					t.Errorf("%s holds the secret", filepath.Base(f))
				}
			}
		})
	}
}

func TestRedactionKeepsTheRest(t *testing.T) {
	o := options(t, newClock())
	s := mustOpen(t, o)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(`{"token_count": 3, "password" : "x", "secret":null,"nextPageToken":"p","n":1.00}`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	x := exchange(o.Now(), 1, compare.Mismatch)
	x.Target = "/x?a=%20&;b&page_token=p&token=t&empty_token="
	x.Header = map[string][]string{"Www-Authenticate": {"Basic realm=x"}, "X-Page": {"1"}}
	x.Old.Header = map[string][]string{"Content-Encoding": {"gzip"}}
	x.Old.Body = b.Bytes()
	x.New.Header = map[string][]string{"Content-Encoding": {"br"}}
	x.New.Body = []byte("\x00\x01")
	see(s, x)
	_, samples := mismatches(t, s, Filter{})
	got, _, err := s.Mismatch(t.Context(), samples[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct{ what, got, want string }{
		{"target", got.Target, "/x?a=%20&;b&page_token=p&token=[redacted]&empty_token="},
		{"header", got.Header["Www-Authenticate"][0], "Basic realm=x"},
		{"body", string(got.Old.Body), `{"token_count": 3, "password" : "[redacted]", "secret":null,"nextPageToken":"p","n":1.00}`},
		{"note", got.Old.Note, "decoded from gzip"},
		{"br", string(got.New.Body), ""},
		{"br note", got.New.Note, "withheld: 2 bytes of Content-Encoding br, which cannot be searched for secrets"},
		{"difference", got.Differences[0].Old, "1"},
	} {
		if part.got != part.want {
			t.Errorf("%s is %q, want %q", part.what, part.got, part.want)
		}
	}
}

func FuzzHideMembers(f *testing.F) {
	for _, seed := range []string{
		`{"password":"s3cr3tValue"}`, `[{"token":{"a":[1,"}"]}},{"b":"\""}]`, `{"secret":`, `"`, `{"apikey" : -1e5 , "x":tru`, `{"password":"\`, "{\"jwt\"\n:\t\"x\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		out := hideMembers(text)
		if !bytes.Equal(before, text) {
			t.Fatal("the input was changed")
		}
		if !json.Valid(text) {
			return
		}
		if !json.Valid(out) {
			t.Fatalf("%q became invalid: %q", text, out)
		}
		var v any
		if err := json.Unmarshal(out, &v); err == nil {
			checkHidden(t, v)
		}
		if again := hideMembers(out); !bytes.Equal(again, out) {
			t.Fatalf("%q changes again to %q", out, again)
		}
	})
}

// checkHidden checks that no member with the name of a secret has a value.
func checkHidden(t *testing.T, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if isSecretName(name) && member != nil && member != hidden {
				t.Fatalf("member %q is %v", name, member)
			}
			checkHidden(t, member)
		}
	case []any:
		for _, e := range v {
			checkHidden(t, e)
		}
	}
}

func FuzzHidePairs(f *testing.F) {
	for _, seed := range []string{"/x?token=abc&b=1", "a=1;apikey=%20", "http://u:p@h/", "Bearer abcdefghijk", "%zz[password]=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := hidePairs(text)
		if again := hidePairs(out); again != out {
			t.Fatalf("%q changes again to %q", out, again)
		}
		if hidePairs("/?token=abc&"+text) == "/?token=abc&"+text {
			t.Fatal("a token was left")
		}
	})
}
