package journal

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// example is the journal of which the documentation speaks, in the directory `journal` of another one.
func example(t *testing.T) (parent string, p *papers) {
	parent = t.TempDir()
	p = &papers{t: t, dir: filepath.Join(parent, "journal"), at: map[uint64]int64{}}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p.begin(0)
	write := func(method, target, client, body string, minute int) uint64 {
		return p.add(Record{Type: IntentRecord, ID: WriteID(testIdentity, p.seq+1), Write: &Write{
			At: New, Method: method, Target: target, Epoch: 4, Route: "orders", Client: client, Body: []byte(body),
			Time: time.Date(2026, 11, 21, 9, minute, 0, 0, time.UTC), Header: http.Header{"Content-Type": {"text/plain"}, "X-Tag": {"a", "b"}},
		}})
	}
	p.outcome(write("POST", "/orders", "192.0.2.7", "first", 1), 201)
	p.outcome(write("PUT", "/orders/17?x=1", "192.0.2.8", "second\x00", 2), 200)
	p.rotate()
	p.compress(1)
	p.outcome(write("PUT", "/orders/170", "192.0.2.7", "third", 59), 200)
	p.outcome(write("DELETE", "/orders/17", "192.0.2.7", "", 59), 404)
	p.outcome(write("POST", "/orders", "192.0.2.7", "\xff", 59), 500)
	write("PATCH", "/orders/17", "192.0.2.7", "", 61)
	p.mark(SendingRecord, 1, Mark{})
	p.mark(SentRecord, 1, Mark{Differs: "/orders/17 became /orders/23"})
	p.mark(ResolvedRecord, 9, Mark{Reason: "looked it up"})
	p.append([]byte(strings.Repeat("\n", 100) + `{"crc32c":"00`))
	return parent, p
}

// answers are what the questions of the documentation find in the example.
var answers = map[string]string{
	"what did new accept for /orders/17": `{"id":"0a1b2c3d-3","arrived":"2026-11-21T09:02:00Z","method":"PUT","path":"/orders/17?x=1","status":200,"body":null}`,
	"what is unknown, whether somebody has resolved it or not": `{"id":"0a1b2c3d-9","arrived":"2026-11-21T09:59:00Z","method":"POST","path":"/orders","error":null}
{"id":"0a1b2c3d-11","arrived":"2026-11-21T10:01:00Z","method":"PATCH","path":"/orders/17","error":null}`,
	"all of one client between two times": `{"id":"0a1b2c3d-1","arrived":"2026-11-21T09:01:00Z","method":"POST","path":"/orders","outcome":"acknowledged"}
{"id":"0a1b2c3d-5","arrived":"2026-11-21T09:59:00Z","method":"PUT","path":"/orders/170","outcome":"acknowledged"}
{"id":"0a1b2c3d-7","arrived":"2026-11-21T09:59:00Z","method":"DELETE","path":"/orders/17","outcome":"rejected"}
{"id":"0a1b2c3d-9","arrived":"2026-11-21T09:59:00Z","method":"POST","path":"/orders","outcome":"unknown"}`,
	"the bodies of all orders that new accepted":      "first",
	"how many of each route, method and outcome":      "1 orders DELETE rejected\n1 orders PATCH unknown\n1 orders POST acknowledged\n1 orders POST unknown\n2 orders PUT acknowledged",
	"everything about one write":                      "0a1b2c3d-3\n0a1b2c3d-3",
	"what the last replay sent, and how old answered": `{"id":"0a1b2c3d-1","status":200,"differs":"/orders/17 became /orders/23"}`,
	"who resolved what, and why":                      `{"id":"0a1b2c3d-9","sent":null,"by":"replay","reason":"looked it up"}`,
}

// documented returns the blocks of code of docs/journal.md in a language, and the whole text.
func documented(t *testing.T, language string) (blocks []string, text string) {
	read, err := os.ReadFile("../../docs/journal.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(read), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks, string(read)
}

// needs skips a test where a program is not installed.
func needs(t *testing.T, programs ...string) {
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name + " is not installed")
		}
	}
}

func shell(t *testing.T, dir, script string, env ...string) string {
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		var said []byte
		if failed, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it bare
			said = failed.Stderr
		}
		t.Errorf("%s: %v\n%s", script, err, said)
	}
	return strings.TrimSpace(string(out))
}

// TestDocumentedQueries runs the table of questions, all on what the functions for the shell print once.
func TestDocumentedQueries(t *testing.T) {
	t.Parallel()
	needs(t, "bash", "jq", "zstdcat")
	blocks, text := documented(t, "sh")
	dir, _ := example(t)
	rows := regexp.MustCompile("(?m)^\\| ([^|]+) \\| `((?:records|writes) .*)` \\|$").FindAllStringSubmatch(text, -1)
	script := blocks[0] + "records >r; writes >w; records() { cat r; }; writes() { cat w; }\n"
	for _, row := range rows {
		script += strings.ReplaceAll(row[2], `\|`, `|`) + "; echo =====\n"
	}
	found := strings.Split(shell(t, dir, script), "=====")
	if len(rows) != len(answers) || len(found) != len(rows)+1 {
		t.Fatalf("%d questions are asked, and %d answered, want %d", len(rows), len(found)-1, len(answers))
	}
	for i, row := range rows {
		got := strings.TrimSpace(regexp.MustCompile(`(?m)^ +`).ReplaceAllString(found[i], ""))
		if row[1] == "everything about one write" {
			got = strings.Join(regexp.MustCompile(`0a1b2c3d-3`).FindAllString(got, -1), "\n")
		}
		if want, ok := answers[row[1]]; !ok || got != want {
			t.Errorf("%s:\n%s\nwant\n%s", row[1], got, want)
		}
	}
}

// TestDocumentedReplayByHand sends one write with curl.
func TestDocumentedReplayByHand(t *testing.T) {
	t.Parallel()
	needs(t, "bash", "jq", "zstdcat", "curl", "base64")
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a part of it is not what is wanted
		got <- strings.Join([]string{
			r.Method, r.RequestURI, string(body), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization"), r.Header.Get("Content-Type"),
			strings.Join(r.Header["X-Tag"], "+"),
		}, " ")
	}))
	defer server.Close()
	blocks, _ := documented(t, "sh")
	dir, _ := example(t)
	shell(t, dir, blocks[0]+blocks[1], "OLD="+server.URL, "TOKEN=secret")
	select {
	case is := <-got:
		if want := "PUT /orders/17?x=1 second\x00 0a1b2c3d-3 Bearer secret text/plain a+b"; is != want {
			t.Errorf("sent %q, want %q", is, want)
		}
	default:
		t.Error("nothing was sent")
	}
}

// TestDocumentedReader holds the reader of the documentation to ours: on a journal with a torn tail, and on damaged ones.
func TestDocumentedReader(t *testing.T) {
	t.Parallel()
	needs(t, "python3", "zstdcat")
	blocks, _ := documented(t, "python")
	dir, p := example(t)
	python := func() (lines int, err error) {
		out, err := exec.CommandContext(t.Context(), "python3", "-c", blocks[0], p.dir).Output()
		return strings.Count(string(out), "\n"), err
	}
	records := p.read(0)
	if n, err := python(); err != nil || n != len(records.seqs)+records.headers {
		t.Errorf("it reads %d records and ends with %v, want %d of %s", n, err, len(records.seqs)+records.headers, dir)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"damaged": func(b []byte) []byte { b[p.at[8]+40] ^= 1; return b },
		"cut":     func(b []byte) []byte { return b[:p.at[14]] },
	} {
		t.Run(name, func(t *testing.T) {
			_, p = example(t)
			p.edit("00000002.jsonl", damage)
			want := p.read(0)
			if n, err := python(); n != len(want.seqs)+want.headers || (err != nil) != isDamage(want.err) {
				t.Errorf("it reads %d records and ends with %v, want %d and %v", n, err, len(want.seqs)+want.headers, want.err)
			}
		})
	}
}
