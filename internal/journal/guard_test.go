package journal

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const planted = "s3cr3t"

// guarded are options of which every hook is set.
func guarded(dir, key string) Options {
	return Options{
		Directory: dir, Key: []byte(key), Segment: 4 << 10,
		Secret: func(name string) bool {
			return slices.Contains([]string{"Authorization", "Cookie", "X-Tenant"}, http.CanonicalHeaderKey(name))
		},
		SecretQuery: func(name string) bool { return name == "token" || name == "sig" },
		Redact: func(contentType string, body []byte) []byte {
			if contentType != "application/json" {
				return nil
			}
			return bytes.ReplaceAll(body, []byte(planted), []byte("[redacted]"))
		},
	}
}

func secretWrite(i int) *Write {
	return &Write{
		At: New, Epoch: 1, Time: codecTime, Method: "POST", Target: "/orders?a=1&token=" + planted + "&b=2;sig=" + planted + "&token", Host: "h", Scheme: "http",
		Header: http.Header{
			"Authorization": {"Bearer " + planted}, "Cookie": {"a=" + planted, "b=\xff" + planted}, "X-Tenant": {planted}, "Accept": {"*/*"},
			"Referer": {"https://h/?q=1&token=" + planted},
		},
		Trailer: http.Header{"X-Sum": {"7"}, "Authorization": {"Bearer " + planted}},
		Body:    []byte(`{"n":` + strings.Repeat("1", i+1) + `,"password":"` + planted + `"}`),
	}
}

func secretAnswer() *Answer {
	return &Answer{
		Outcome: Acknowledged, Status: 201, Whole: true, Size: 3, SHA256: "abc",
		Header: http.Header{"Location": {"/orders/17?token=" + planted}, "Set-Cookie": {planted}, "X-Other": {planted}, "Content-Type": {"application/json; charset=utf-8"}},
		Body:   []byte(`{"id":17,"token":"` + planted + `"}`),
	}
}

// writeSecrets fills a directory with all kinds of records that have secrets in all their parts.
func writeSecrets(t *testing.T, o Options) {
	t.Helper()
	o.disk = unsynced
	j := open(t, o)
	for i := range 20 {
		w := secretWrite(i)
		if i%5 == 4 && len(o.Key) > 0 {
			s, err := j.NewSpool()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write(bytes.Repeat(w.Body, 4000)); err != nil {
				t.Fatal(err)
			}
			w.Body, w.Spool = nil, s
		}
		e := mustBegin(t, j, w)
		if err := e.Answered(secretAnswer()); err != nil {
			t.Fatal(err)
		}
		e.Ended(secretAnswer())
		if err := j.Mark(t.Context(), Record{Type: SentRecord, ID: e.ID(), Mark: &Mark{To: Old, By: "replay"}, Answer: secretAnswer()}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := j.NewSpool(); err != nil { // one that a crash leaves
		t.Fatal(err)
	}
	if err := j.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// lying returns what of a secret lies in a directory in clear: in the files, and in what is compressed in them.
func lying(t *testing.T, dir string, without ...string) (found []string) {
	t.Helper()
	files, err := listFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	look := func(name string, line []byte) {
		if bytes.Contains(line, []byte(planted)) || bytes.Contains(line, []byte("czNjcjN0")) {
			found = append(found, name+": "+string(line))
		}
	}
	for _, f := range files {
		in, err := f.open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for {
			line, _, err := in.next()
			if err != nil {
				break
			}
			for _, part := range without {
				line = bytes.ReplaceAll(line, []byte(part), nil)
			}
			look(f.name(), line)
		}
		in.close()
	}
	for _, name := range entriesOf(dir) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".body") || strings.HasSuffix(name, ".tmp") {
			look(name, data)
		}
	}
	return found
}

func TestWithAKeyNothingSecretIsInClear(t *testing.T) {
	dir := t.TempDir()
	writeSecrets(t, guarded(dir, "the key"))
	if found := lying(t, dir); len(found) > 0 {
		t.Errorf("in clear: %s", found[0])
	}
	for i, r := range all(t, dir, []byte("the key")) {
		if r.Write == nil || r.Write.Spool != nil {
			continue
		}
		want := secretWrite((i - 1) / 4 % 20)
		got := *r.Write
		got.Body, want.Body = nil, nil
		if diff := cmp.Diff(want, &got); diff != "" {
			t.Fatalf("-written +read\n%s", diff)
		}
		break
	}
	for _, r := range all(t, dir, nil) {
		if r.Write != nil && (!r.Sealed || r.Write.Body != nil || r.Write.Target != "/orders?a=1&token=[sealed]&b=2;sig=[sealed]&token") {
			t.Fatalf("without the key: %+v", r.Write)
		}
		if r.Answer != nil && (r.Answer.Body != nil || r.Answer.Header.Get("Location") != "") {
			t.Fatalf("without the key: %+v", r.Answer)
		}
	}
}

func TestWithoutAKeyCredentialsAreLeftOut(t *testing.T) {
	dir := t.TempDir()
	writeSecrets(t, guarded(dir, ""))
	if found := lying(t, dir, `\"password\":\"`+planted); len(found) > 0 {
		t.Errorf("in clear: %s", found[0])
	}
	for _, r := range all(t, dir, nil) {
		if w := r.Write; w != nil {
			if diff := cmp.Diff([]string{"Authorization", "Cookie", "X-Tenant", "Authorization", "query:token", "query:sig"}, w.Withheld); diff != "" {
				t.Fatal(diff)
			}
			if diff := cmp.Diff(http.Header{"Accept": {"*/*"}, "Referer": {"https://h/?q=1&token=[withheld]"}}, w.Header); diff != "" {
				t.Fatal(diff)
			}
			if w.Target != "/orders?a=1&token=[withheld]&b=2;sig=[withheld]&token" || !bytes.Contains(w.Body, []byte(planted)) {
				t.Fatalf("%+v", w)
			}
		}
		if a := r.Answer; a != nil && (a.Header.Get("Location") != "/orders/17?token=[withheld]" || string(a.Body) != `{"id":17,"token":"[redacted]"}`) {
			t.Fatalf("%+v", a)
		}
	}
}

func TestAnswersBodies(t *testing.T) {
	long := bytes.Repeat([]byte("x"), AnswerLimit+1)
	for _, tt := range []struct {
		name, key string
		header    http.Header
		body      []byte
		want      int // bytes that are kept
	}{
		{"redacted", "", http.Header{"Content-Type": {"application/json"}}, []byte("{}"), 2},
		{"of a kind that cannot be searched", "", http.Header{"Content-Type": {"image/png"}}, []byte("{}"), 0},
		{"compressed", "", http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, []byte("{}"), 0},
		{"compressed and sealed", "key", http.Header{"Content-Encoding": {"gzip"}}, []byte("{}"), 2},
		{"at the limit", "key", nil, long[:AnswerLimit], AnswerLimit},
		{"over the limit", "key", nil, long, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			o := guarded(dir, tt.key)
			o.disk = unsynced
			j := open(t, o)
			if err := mustBegin(t, j, put(New, "/")).Answered(&Answer{Outcome: Acknowledged, Status: 200, Header: tt.header, Body: tt.body, Size: int64(len(tt.body)), Whole: true}); err != nil {
				t.Fatal(err)
			}
			r := all(t, dir, []byte(tt.key))
			if a := r[len(r)-1].Answer; len(a.Body) != tt.want || a.Size != int64(len(tt.body)) {
				t.Errorf("%d bytes of %d are kept, and not %d", len(a.Body), a.Size, tt.want)
			}
		})
	}
}

func TestKeysAndRuns(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after Options
		want          error
		segments      int
	}{
		{"the same key", Options{Key: []byte("a")}, Options{Key: []byte("a")}, nil, 1},
		{"another key", Options{Key: []byte("a")}, Options{Key: []byte("b")}, ErrKey, 0},
		{"no key any longer", Options{Key: []byte("a")}, Options{}, ErrKey, 0},
		{"a key from now on", Options{}, Options{Key: []byte("a")}, nil, 2},
		{"another run", Options{Run: "one"}, Options{Run: "two"}, ErrOtherRun, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.before.Directory, tt.before.disk = dir, unsynced
			j := open(t, tt.before)
			acknowledge(t, mustBegin(t, j, put(New, "/a")), "")
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			tt.after.Directory, tt.after.disk = dir, unsynced
			if tt.after.Run == "" {
				tt.after.Run = "run"
			}
			j, err := Open(context.Background(), tt.after)
			if !errors.Is(err, tt.want) {
				t.Fatalf("%v", err)
			}
			if err != nil {
				if !strings.Contains(err.Error(), "journal.directory") || !strings.Contains(err.Error(), dir) {
					t.Errorf("it does not say where and what to do: %v", err)
				}
				return
			}
			mustBegin(t, j, put(New, "/b"))
			if got := j.Status(); got.Segments != tt.segments || got.Seq != 3 {
				t.Errorf("%+v", got)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			if got := all(t, dir, tt.after.Key); string(got[len(got)-1].Write.Body) != "body of /b" || string(got[1].Write.Body) != "body of /a" {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestNewerFormat(t *testing.T) {
	dir := t.TempDir()
	r := Record{Type: HeaderRecord, Time: codecTime, Header: &SegmentHeader{Version: formatVersion + 1, Run: "run", Identity: "0a1b2c3d", Segment: 1, First: 1}}
	line, err := encode(&r, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, segmentName(1)), line, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Directory: dir, Run: "run"}); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "00000001.jsonl") {
		t.Errorf("%v", err)
	}
}

// A record that was made up must not have a file sent that is none of the journal's.
func TestASpoolLiesInItsDirectory(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"../secret", "/etc/hostname", "a/../../b"} {
		if _, err := openSpool(dir, &Spool{Path: name}, nil); err == nil || !strings.Contains(err.Error(), "no name of a spool") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
