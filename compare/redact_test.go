package compare

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"paritygate/internal/testkit"
)

func redactor(t testing.TB, paths ...string) *Redactor {
	t.Helper()
	r, err := NewRedactor(paths)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRedactJSON(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"at any depth", `{"password":"x","a":[{"password":{"b":1}, "c":2}]}`, `{"password":"[redacted]","a":[{"password":"[redacted]", "c":2}]}`},
		{"nothing to do", ` {"a":1} `, ` {"a":1} `},
		{"an escaped name", `{"pass\u0077ord":"x"}`, `{"pass\u0077ord":"[redacted]"}`},
		{"a repeated name", `{"password":1,"password":2}`, `{"password":"[redacted]","password":"[redacted]"}`},
		{"an index", `{"keys":["a","b"]}`, `{"keys":["[redacted]","b"]}`},
		{"invalid", `{"password":"x"`, redactedInvalid},
		{"trailing text", `{"password":"x"} {"password":"y"}`, redactedInvalid},
		{"too deep", strings.Repeat("[", 600) + strings.Repeat("]", 600), redactedInvalid},
		{"empty", ``, ``},
	} {
		in := []byte(tc.in)
		if got := redactor(t, "$..password", "$.keys[0]").JSON(in); string(got) != tc.want || string(in) != tc.in {
			t.Errorf("%s: %s", tc.name, got)
		}
	}
	if got := redactor(t).JSON([]byte(`{"password":`)); string(got) != `{"password":` {
		t.Errorf("without paths: %s", got)
	}
	if _, err := NewRedactor([]string{"$.a", "a", "$["}); err == nil || strings.Count(err.Error(), "offset") != 2 {
		t.Errorf("error %v", err)
	}
}

func TestRedactBody(t *testing.T) {
	const gz, secret = "Content-Encoding", `{"password":"hunter2"}`
	const clean = `{"password":"[redacted]"}`
	for _, tc := range []struct {
		name   string
		answer *Answer
		want   string
	}{
		{"JSON", jsonAnswer(secret), clean},
		{"JSON that is called HTML", answer(200, secret, ct, "text/html"), clean},
		{"gzip", answer(200, zip(t, secret, 9), ct, "application/json", gz, "gzip"), clean},
		{"damaged gzip", answer(200, zip(t, secret, 0)[:30], ct, "application/json", gz, "gzip"), redactedInvalid},
		{"br", answer(200, encode(t, "br", secret), ct, "application/json", gz, "br"), clean},
		{"zstd in deflate", answer(200, encode(t, "deflate", string(encode(t, "zstd", secret))), gz, "zstd", gz, "deflate"), clean},
		{"cut br", answer(200, encode(t, "br", secret)[:12], ct, "application/json", gz, "br"), redactedInvalid},
		{"unknown encoding", answer(200, "?", ct, "application/json", gz, "dcb"), redactedInvalid},
		{"cut off", answer(200, secret[:20], ct, "application/json"), redactedInvalid},
		{"NDJSON", answer(200, secret+"\n"+secret, ct, "application/x-ndjson"), clean + "\n" + clean},
		{"text", answer(200, "hello"), "hello"},
		{"gzipped text", answer(200, zip(t, "hello", 9), gz, "gzip"), "hello"},
		{"none", answer(200, ""), ""},
	} {
		if got := redactor(t, "$..password").Body(tc.answer, nil); string(got) != tc.want {
			t.Errorf("%s: %s", tc.name, got)
		}
	}
}

func TestRedactDifference(t *testing.T) {
	r := redactor(t, "$..password")
	for _, tc := range []struct{ name, path, old, new, wantOld, wantNew string }{
		{"at the place", "$.a.password", `"x"`, `"y"`, redactedShown, redactedShown},
		{"beneath it", "$.password.hash[0]", `1`, ``, redactedShown, ``},
		{"above it", "$.user", `{"name":"a","password":"x"}`, `{"name":"b"}`, `{"name":"a","password":"[redacted]"}`, `{"name":"b"}`},
		{"above it, cut short", "$.user", `{"name":"a","pass…`, `1`, redactedShown, `1`},
		{"elsewhere", "$.items[3].price", `1.00`, `1.01`, `1.00`, `1.01`},
		{"a text cut short", "$.note", `"long…`, `null`, `"long…`, `null`},
		{"an invalid document", "$", `{"a":1}`, `(not valid JSON: unexpected end at byte 3) {"password":"x`, `{"a":1}`, redactedShown},
		{"a text that begins with a quote", "$", `"password":"x"`, `{}`, redactedShown, `{}`},
		{"not JSON", "", `hello`, `hallo`, `hello`, `hallo`},
	} {
		d := r.Difference(Difference{Location: InBody, Path: tc.path, Old: tc.old, New: tc.new})
		if d.Old != tc.wantOld || d.New != tc.wantNew {
			t.Errorf("%s: %s and %s", tc.name, d.Old, d.New)
		}
	}
	status := Difference{Location: InStatus, Old: "200", New: "500"}
	if redactor(t, "$").Difference(status) != status {
		t.Error("a status was redacted")
	}
}

// However a document differs, no difference shows a covered value.
func TestNoDifferenceLeaks(t *testing.T) {
	r := documents{rand.New(rand.NewPCG(13, 14))}
	c, red := comparer(t), redactor(t, "$..secret", "$.a[*].b")
	for range testkit.Rounds(5000) {
		plant := func() *Answer {
			body := []byte(r.spell(map[string]any{"a": []any{map[string]any{"b": "hunter2"}, r.value(2)}, "x": r.value(2), "secret": []any{"hunter2", r.value(1)}}))
			if r.IntN(4) == 0 {
				body = body[:r.IntN(len(body))]
			}
			a := answer(200, body, ct, []string{"application/json", "text/plain"}[r.IntN(2)])
			if out := red.Body(a, nil); bytes.Contains(out, []byte("hunter2")) {
				t.Fatalf("body: %s", out)
			}
			return a
		}
		for _, d := range c.Compare(plant(), plant()).Differences {
			d = red.Difference(d)
			if strings.Contains(d.Old+d.New, "hunter2") {
				t.Fatalf("%+v", d)
			}
		}
	}
}
