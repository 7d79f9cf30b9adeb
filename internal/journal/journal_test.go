package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// open opens a journal in a directory, and closes it when the test ends.
func open(t testing.TB, o Options) *Journal {
	t.Helper()
	if o.Run == "" {
		o.Run = "run"
	}
	j, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return j
}

func put(at Side, target string) *Write {
	return &Write{At: at, Epoch: 3, Time: codecTime, Route: "write", Method: "PUT", Target: target, Host: "h", Scheme: "http", Client: "192.0.2.1", Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte("body of " + target)}
}

func mustBegin(t testing.TB, j *Journal, w *Write) *Entry {
	t.Helper()
	e, err := j.Begin(context.Background(), w)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// all reads the records of a directory.
func all(t testing.TB, dir string, key []byte) []Record {
	t.Helper()
	reader, err := OpenReader(dir, ReadOptions{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var records []Record
	for {
		r, err := reader.Next()
		if errors.Is(err, io.EOF) {
			if torn := reader.Torn(); torn != nil {
				t.Fatalf("a torn tail: %+v", torn)
			}
			return records
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
}

func brief(records []Record) string {
	var lines []string
	for _, r := range records {
		switch {
		case r.Header != nil:
			lines = append(lines, fmt.Sprintf("header %d first %d", r.Header.Segment, r.Header.First))
		case r.Write != nil:
			lines = append(lines, fmt.Sprintf("%d %s %s %q", r.Seq, r.Type, r.Write.Target, r.Write.Body))
		case r.Answer != nil:
			_, seq, _ := SplitID(r.ID)
			lines = append(lines, fmt.Sprintf("%d %s of %d: %s %d %q", r.Seq, r.Type, seq, r.Answer.Outcome, r.Answer.Status, r.Answer.Body))
		default:
			lines = append(lines, fmt.Sprintf("%d %s count %d", r.Seq, r.Type, r.Mark.Count))
		}
	}
	return strings.Join(lines, "\n")
}

func TestWriteAndReadAgain(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Directory: filepath.Join(dir, "journal")})
	a := mustBegin(t, j, put(New, "/a"))
	b := mustBegin(t, j, put(New, "/b"))
	c := mustBegin(t, j, put(Old, "/c"))
	if err := b.Answered(&Answer{Outcome: Acknowledged, Status: 201, Whole: true}); err != nil {
		t.Fatal(err)
	}
	c.AnsweredSoon(&Answer{Outcome: Acknowledged, Status: 204})
	j.Missed(Old)
	if got := j.Backlog(Old); got.Acknowledged != 1 || got.Unknown != 0 {
		t.Errorf("backlog to old: %+v", got)
	}
	if err := j.Mark(t.Context(), Record{Type: SendingRecord, ID: b.ID(), Mark: &Mark{To: Old, By: "replay"}}); err != nil {
		t.Fatal(err)
	}
	if err := j.MarkSoon(Record{Type: SentRecord, ID: b.ID(), Mark: &Mark{To: Old, By: "replay"}, Answer: &Answer{Outcome: Acknowledged, Status: 200}}); err != nil {
		t.Fatal(err)
	}
	before := j.Status()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	want := `header 1 first 1
1 intent /a "body of /a"
2 intent /b "body of /b"
3 intent /c "body of /c"
4 outcome of 2: acknowledged 201 ""
5 outcome of 3: acknowledged 204 ""
6 gap count 1
7 sending count 0
8 sent of 2: acknowledged 200 ""`
	if got := brief(all(t, filepath.Join(dir, "journal"), nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	j = open(t, Options{Directory: filepath.Join(dir, "journal")})
	after := j.Status()
	if after.Seq != before.Seq || after.Identity != before.Identity || after.Open != 0 || after.Epoch != 3 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if got := j.Backlog(Old); got.Acknowledged != 0 || got.Unknown != 1 || got.OldestID != a.ID() {
		t.Errorf("backlog to old after a restart: %+v", got)
	}
	if e := mustBegin(t, j, put(New, "/d")); e.ID() != before.Identity+"-9" {
		t.Errorf("the next write is %s", e.ID())
	}
}

func TestManyWritersAndRotation(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Directory: dir, Segment: 16 << 10})
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- j.Run(ctx) }()
	const writers, each = 16, 40
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for k := range each {
				e, err := j.Begin(t.Context(), put(New, fmt.Sprintf("/%d/%d", i, k)))
				if err != nil {
					t.Error(err)
					return
				}
				if err := e.Answered(&Answer{Outcome: Acknowledged, Status: 200, Body: []byte("x")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if got := j.Backlog(Old); got.Acknowledged != writers*each {
		t.Errorf("%+v", got)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	next := uint64(1)
	for _, r := range all(t, dir, nil) {
		if r.Header != nil {
			if r.Header.First != next {
				t.Errorf("segment %d begins with %d instead of %d", r.Header.Segment, r.Header.First, next)
			}
			continue
		}
		if r.Seq != next {
			t.Fatalf("record %d follows %d", r.Seq, next-1)
		}
		next++
	}
	if next != 2*writers*each+1 {
		t.Errorf("%d records", next-1)
	}
	j = open(t, Options{Directory: dir})
	if got := j.Backlog(Old); got.Acknowledged != writers*each || j.Status().Segments < 4 {
		t.Errorf("%+v, %+v", got, j.Status())
	}
}

func TestSpools(t *testing.T) {
	for _, key := range []string{"", "a key"} {
		for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize} {
			t.Run(fmt.Sprintf("key %q, %d bytes", key, size), func(t *testing.T) {
				dir := t.TempDir()
				j := open(t, Options{Directory: dir, Key: []byte(key)})
				body := bytes.Repeat([]byte("s3cret!"), size/7+1)[:size]
				s, err := j.NewSpool()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Write(body); err != nil {
					t.Fatal(err)
				}
				w := put(New, "/large")
				w.Body, w.Spool = nil, s
				mustBegin(t, j, w)
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				r := all(t, dir, []byte(key))[1]
				seal, _ := newSealer([]byte(key), j.identity)
				in, err := openSpool(dir, r.Write.Spool, seal)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(in)
				if err != nil || !bytes.Equal(got, body) {
					t.Errorf("%d bytes read, %v", len(got), err)
				}
				_ = in.Close()
				data, _ := os.ReadFile(filepath.Join(dir, r.Write.Spool.Path))
				if key != "" && bytes.Contains(data, []byte("s3cret")) {
					t.Error("the body lies there in clear")
				}
				for _, cut := range []int{0, len(data) / 2, len(data) - 1} {
					if cut < 0 || cut >= len(data) {
						continue
					}
					if err := os.WriteFile(filepath.Join(dir, r.Write.Spool.Path), data[:cut], 0o600); err != nil {
						t.Fatal(err)
					}
					in, err := openSpool(dir, r.Write.Spool, seal)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := io.ReadAll(in); !errors.Is(err, ErrDamaged) {
						t.Errorf("cut at %d: %v", cut, err)
					}
					_ = in.Close()
				}
			})
		}
	}
}

func TestLockedOut(t *testing.T) {
	dir := t.TempDir()
	open(t, Options{Directory: dir})
	_, err := Open(t.Context(), Options{Directory: dir, Run: "run"})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("%v", err)
	}
}

func BenchmarkWrites(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			syncs, took := 0, time.Duration(0)
			o := Options{Directory: b.TempDir(), Run: "run"}
			o.disk.sync = func(f *os.File) error {
				began := time.Now()
				defer func() { syncs++; took += time.Since(began) }()
				return syncData(f)
			}
			j := open(b, o)
			w := put(New, "/orders/17")
			w.Body = bytes.Repeat([]byte("x"), 512)
			left := make(chan struct{}, b.N)
			for range b.N {
				left <- struct{}{}
			}
			close(left)
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for range left {
						e, err := j.Begin(context.Background(), w)
						if err != nil {
							b.Error(err)
							return
						}
						if err := e.Answered(&Answer{Outcome: Acknowledged, Status: 200, Body: w.Body, Whole: true}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(syncs)/float64(b.N), "syncs/write")
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)*float64(writers)/2/(float64(took)/float64(syncs)), "syncs/point")
		})
	}
}
