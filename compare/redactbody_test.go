package compare

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestRedactOtherBodies(t *testing.T) {
	const form, csv, mixed = "application/x-www-form-urlencoded", "text/csv", "multipart/form-data; boundary=b"
	isPin := func(name string) bool { return name == "pin" }
	for _, tc := range []struct{ name, media, in, want string }{
		{"NDJSON", "application/x-ndjson", "{\"password\":\"x\"}\n{\"a\":{\"pin\":1}}\r\n", "{\"password\":\"[redacted]\"}\n{\"a\":{\"pin\":\"[redacted]\"}}\r\n"},
		{"an invalid line", "application/jsonl", "{\"password\":\"x\"\n{}", redactedInvalid + "\n{}"},
		{"a JSON text sequence", "application/json-seq", "\x1e{\"password\":1}\n", "\x1e{\"password\":\"[redacted]\"}\n"},
		{"a form", form, "a=1&password=x&p%61ssword=y&pin=3&b", "a=1&password=[redacted]&p%61ssword=[redacted]&pin=[redacted]&b"},
		{"a value of a field", form, "k=1&k=2", "k=1&k=[redacted]"},
		{"a column", csv, "id,password\r\n1,hunter2\r\n2,\"a,\"\"b\"\"\"", "id,password\r\n1,[redacted]\r\n2,[redacted]"},
		{"a column with a byte order mark", csv, "\ufeffpassword,id\nx,1", "\ufeffpassword,id\n[redacted],1"},
		{"a column whose name is secret", csv, "pin\n1", "pin\n[redacted]"},
		{"a column by its number", csv, "a,b,c\n1,2,3", "a,b,[redacted]\n1,2,[redacted]"},
		{"a table that cannot be read", csv, "id,password\n1,\"x", "[redacted: not readable as CSV]"},
		{"TSV", "text/tab-separated-values", "id\tpassword\n1\tx y\n", "id\tpassword\n1\t[redacted]\n"},
		{
			"a part by its name", mixed, "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--",
			"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n[redacted]\r\n--b\r\n\r\ny\r\n--b--",
		},
		{
			"within parts", mixed, "--b\nContent-Type: application/json\n\n{\"pin\":1}\n--b\n\n{\"password\":1}\n--b--",
			"--b\nContent-Type: application/json\n\n{\"pin\":\"[redacted]\"}\n--b\n\n{\"password\":\"[redacted]\"}\n--b--",
		},
		{"a multipart body that cannot be read", mixed, "--b\n\nx", "[redacted: not readable as multipart]"},
	} {
		r := redactor(t, "$..password", "$.k[1]", "$[*][2]")
		if got := r.Body(answer(200, tc.in, ct, tc.media), isPin); string(got) != tc.want {
			t.Errorf("%s: %q", tc.name, got)
		}
	}
}

// However bodies of other formats differ, neither a stored body nor a difference shows what is secret.
func TestNoOtherDifferenceLeaks(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	header, err := New(Options{Rules: []Rule{{Path: "$", CSV: &CSV{Header: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	byPath, byName := redactor(t, "$..secret"), redactor(t)
	isSecret := func(name string) bool { return name == "secret" }
	bodies := map[string]func() string{
		"text/csv": func() string {
			out := "id,secret,x\n"
			for range r.IntN(3) {
				out += fmt.Sprintf("%d,hunter2%d,\"%d\"\n", r.IntN(2), r.IntN(2), r.IntN(2))
			}
			return out
		},
		"application/x-ndjson": func() string {
			return strings.Repeat(fmt.Sprintf("{\"id\":%d,\"o\":{\"secret\":\"hunter2%d\"}}\n", r.IntN(3), r.IntN(3)), 1+r.IntN(2))
		},
		"application/x-www-form-urlencoded": func() string {
			return strings.Repeat(fmt.Sprintf("id=%d&secret=hunter2%d&", r.IntN(3), r.IntN(3)), 1+r.IntN(2))
		},
		"multipart/mixed; boundary=b": func() string {
			return fmt.Sprintf("--b\nContent-Disposition: form-data; name=secret\n\nhunter2%d\n--b\nContent-Type: text/csv\n\nid,secret\n%d,hunter2%d\n--b\n"+
				"Content-Type: application/json\n\n{\"secret\":\"hunter2%d\"}\n--b--", r.IntN(2), r.IntN(2), r.IntN(2), r.IntN(2))
		},
	}
	differences := 0
	for range 300 {
		for media, body := range bodies {
			old, new := answer(200, body(), ct, media), answer(200, body(), ct, media)
			if r.IntN(5) == 0 {
				new.Body = new.Body[:1+r.IntN(len(new.Body)-1)]
				new.Size = int64(len(new.Body))
			}
			for _, red := range []*Redactor{byPath, byName} {
				if out := red.Body(old, isSecret); strings.Contains(string(out), "hunter2") {
					t.Fatalf("%s: %s", media, out)
				}
				for _, c := range []*Comparer{header, comparer(t)} {
					for _, d := range c.Compare(old, new).Differences {
						differences++
						d = red.InAnswers(d, old, new, isSecret)
						// Without paths, whoever stores the difference finds the name that stands in it.
						named := red == byName && strings.Contains(d.Path+d.Old+d.New, "secret")
						if strings.Contains(d.Old+d.New, "hunter2") && !named {
							t.Fatalf("%s: %+v\n%s\n%s", media, d, old.Body, new.Body)
						}
					}
				}
			}
		}
	}
	if differences < 1000 {
		t.Errorf("only %d differences", differences)
	}
}
