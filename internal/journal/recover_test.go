package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cutAnd returns a copy of the directory in which the last segment is what change makes of it.
func cutAnd(t *testing.T, dir, name string, change func([]byte) []byte) string {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(copied, name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(bytes.Clone(data)), 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

// twoBatches is a directory with a segment of four records that were durable, and a last batch of three. It returns where that one begins
// and ends.
func twoBatches(t *testing.T) (dir string, from, to int) {
	t.Helper()
	dir = t.TempDir()
	j := open(t, Options{Directory: dir, disk: unsynced})
	for i := range 2 {
		if err := mustBegin(t, j, put(New, fmt.Sprint("/", i))).Answered(&Answer{Outcome: Acknowledged, Status: 200}); err != nil {
			t.Fatal(err)
		}
	}
	from = int(j.log.seg.size)
	marks := make([]Record, 3)
	for i := range marks {
		marks[i] = Record{Type: SendingRecord, ID: WriteID(j.identity, 1), Mark: &Mark{To: Old, By: "replay"}}
	}
	if err := j.Mark(context.Background(), marks...); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "00000001.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, from, int(info.Size())
}

// TestTornTail ends the segment at, or blanks it up to or from, every byte of the last batch: what was durable is there, and the journal goes
// on behind it.
func TestTornTail(t *testing.T) {
	dir, from, to := twoBatches(t)
	for _, how := range []struct {
		name   string
		change func(data []byte, at int) []byte
	}{
		{"cut", func(data []byte, at int) []byte { return data[:at] }},
		{"blank from", func(data []byte, at int) []byte {
			return append(data[:at], bytes.Repeat([]byte{'\n'}, len(data)-at)...)
		}},
		{"blank before", func(data []byte, at int) []byte {
			copy(data[from:at], bytes.Repeat([]byte{'\n'}, at-from))
			return data
		}},
		{"zeros before", func(data []byte, at int) []byte {
			clear(data[from:at])
			return data
		}},
		{"a bit", func(data []byte, at int) []byte {
			if at < len(data) {
				data[at] ^= 1
			}
			return data
		}},
	} {
		t.Run(how.name, func(t *testing.T) {
			for at := from; at <= to; at += 19 { // prime to the lengths of the lines
				torn := cutAnd(t, dir, "00000001.jsonl", func(data []byte) []byte { return how.change(data, at) })
				j, err := Open(t.Context(), Options{Directory: torn, Run: "run", disk: unsynced})
				if err != nil {
					t.Fatalf("at %d: %v", at, err)
				}
				if seq := j.Status().Seq; seq < 4 || seq > 7 {
					t.Fatalf("at %d: it ends with %d", at, seq)
				}
				seq := j.Status().Seq
				if e := mustBegin(t, j, put(New, "/next")); e.ID() != WriteID(j.identity, seq+1) {
					t.Errorf("at %d: the next one is %s behind %d", at, e.ID(), seq)
				}
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				if got := all(t, torn, nil); len(got) != int(seq)+2 {
					t.Errorf("at %d: %d lines behind %d", at, len(got), seq)
				}
			}
		})
	}
}

// TestDamageInTheMiddle changes bytes all over a record behind which another batch was synced: it is no torn tail, and is named.
func TestDamageInTheMiddle(t *testing.T) {
	dir, _, _ := twoBatches(t)
	data, err := os.ReadFile(filepath.Join(dir, "00000001.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte{'\n'})
	begin := len(lines[0]) + len(lines[1])
	for at := begin; at < begin+len(lines[2]); at += 3 {
		damaged := cutAnd(t, dir, "00000001.jsonl", func(data []byte) []byte {
			data[at] ^= 4
			return data
		})
		_, err := Open(t.Context(), Options{Directory: damaged, Run: "run", disk: unsynced})
		var d *Damage
		if !errors.As(err, &d) || d.Offset != int64(begin) || d.Segment != "00000001.jsonl" {
			t.Fatalf("byte %d: %v, and the record begins at %d", at, err, begin)
		}
		if at%16 > 2 {
			continue
		}
		j, err := Open(t.Context(), Options{Directory: damaged, Run: "run", disk: unsynced, Recover: true})
		if err != nil {
			t.Fatal(err)
		}
		if seq, lost := j.Status().Seq, j.Backlog(Old).Gaps; seq != 8 || lost != 1 || j.Backlog(New).Gaps != 0 {
			t.Errorf("byte %d: accepted, it ends with %d, and %d writes may be lost", at, seq, lost)
		}
		mustBegin(t, j, put(New, "/next"))
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j, err = Open(t.Context(), Options{Directory: damaged, Run: "run", disk: unsynced})
		if err != nil || j.Status().Seq != 9 || j.Status().Segments != 2 || j.Backlog(Old).Gaps != 1 {
			t.Fatalf("byte %d: accepted, the next start says %v", at, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamagedHeader has the last segment's header be damaged: an operator may accept that, and what can be read counts.
func TestDamagedHeader(t *testing.T) {
	for _, segments := range []int{1, 2} {
		t.Run(fmt.Sprint(segments), func(t *testing.T) {
			dir, _, _ := twoBatches(t)
			if segments == 2 {
				j := open(t, Options{Directory: dir, disk: unsynced, Segment: 1})
				acknowledge(t, mustBegin(t, j, put(New, "/2")), "")
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
			}
			files, err := listFiles(dir)
			if err != nil {
				t.Fatal(err)
			}
			last := files[len(files)-1].name()
			dir = cutAnd(t, dir, last, func(data []byte) []byte {
				data[40] ^= 4
				return data
			})
			if _, err := Open(t.Context(), Options{Directory: dir, Run: "run", disk: unsynced}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), last) {
				t.Errorf("%v", err)
			}
			j := open(t, Options{Directory: dir, disk: unsynced, Recover: true})
			before := j.Status()
			acknowledge(t, mustBegin(t, j, put(New, "/next")), "")
			if after := j.Status(); after.Seq != before.Seq+2 || before.Seq < 7 || j.Backlog(Old).Unreplayed() != int64(segments+2) {
				t.Errorf("before %+v, after %+v, %+v", before, after, j.Backlog(Old))
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			open(t, Options{Directory: dir, disk: unsynced})
		})
	}
}
