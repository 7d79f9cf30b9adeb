package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// platter is what of a directory a power cut would leave: the content of each file as it was when the file was last synced, and the names as
// they were when the directory was. A system may have written more than it was asked to; so names has both what must be there and what is.
type platter struct {
	mu      sync.Mutex
	dir     string
	content map[uint64][]byte // by inode
	names   map[string]uint64
}

// unsynced is a disk that syncs nothing, for tests that are about something else.
var unsynced = disk{sync: func(*os.File) error { return nil }, syncDir: func(*os.File) error { return nil }}

func newPlatter(dir string) *platter {
	return &platter{dir: dir, content: map[uint64][]byte{}, names: map[string]uint64{}}
}

func inode(info os.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

func (p *platter) disk() disk {
	return disk{
		sync: func(f *os.File) error {
			data, err := os.ReadFile(f.Name())
			if errors.Is(err, os.ErrNotExist) { // it has been renamed since
				data = make([]byte, 1<<20)
				n, _ := f.ReadAt(data, 0)
				data, err = data[:n], nil
			}
			info, statErr := f.Stat()
			if err = errors.Join(err, statErr); err != nil {
				return err
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.content[inode(info)] = data
			return nil
		},
		syncDir: func(*os.File) error {
			now, err := p.list()
			p.mu.Lock()
			defer p.mu.Unlock()
			p.names = now
			return err
		},
	}
}

// list is the directory as it is.
func (p *platter) list() (map[string]uint64, error) {
	entries, err := os.ReadDir(p.dir)
	names := map[string]uint64{}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		names[e.Name()] = inode(info)
	}
	return names, err
}

// cut returns what a power cut now would leave: with the names that are durable or, if late, with all that the directory has.
func (p *platter) cut(t *testing.T, late bool) string {
	t.Helper()
	names := p.names
	if late {
		var err error
		if names, err = p.list(); err != nil {
			t.Fatal(err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	image := t.TempDir()
	for name, inode := range names {
		if name == lockName {
			continue
		}
		if err := os.WriteFile(filepath.Join(image, name), p.content[inode], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return image
}

// proveDurable cuts the power, and proves that the writes are in what is left, with their bodies.
func (p *platter) proveDurable(t *testing.T, after string, want map[string]string) {
	t.Helper()
	for _, late := range []bool{false, true} {
		image := p.cut(t, late)
		j, err := Open(t.Context(), Options{Directory: image, Run: "run", disk: unsynced})
		if err != nil {
			t.Fatalf("after %s (late names %t): %v", after, late, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, r := range all(t, image, nil) {
			switch {
			case r.Type == IntentRecord && r.Write.Spool != nil:
				body, err := readSpool(image, r.Write.Spool)
				if err != nil {
					t.Fatalf("after %s (late names %t): %v", after, late, err)
				}
				got[r.ID] = r.Write.Target + fmt.Sprint(len(body))
			case r.Type == IntentRecord:
				got[r.ID] = r.Write.Target
			case r.Type == OutcomeRecord:
				got[r.ID] += " " + string(r.Answer.Outcome)
			}
		}
		for id, what := range want {
			if got[id] != what {
				t.Fatalf("a power cut after %s (late names %t): %s is %q instead of %q; there are %v in %v", after, late, id, got[id], what, got, entriesOf(image))
			}
		}
	}
}

func entriesOf(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func readSpool(dir string, s *Spool) ([]byte, error) {
	in, err := openSpool(dir, s, nil)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(in)
	return b.Bytes(), err
}

// TestWhatCountsSurvivesAPowerCut cuts the power after each step of a journal's life: what counted by then is there, and the next process
// goes on.
func TestWhatCountsSurvivesAPowerCut(t *testing.T) {
	dir := t.TempDir()
	p := newPlatter(dir)
	j := open(t, Options{Directory: dir, Segment: 2 << 10, disk: p.disk()})
	want := map[string]string{}
	for i := range 12 {
		w := put(New, fmt.Sprintf("/%d", i))
		if i%4 == 1 {
			s, err := j.NewSpool()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write(bytes.Repeat([]byte("x"), 5000)); err != nil {
				t.Fatal(err)
			}
			w.Body, w.Spool = nil, s
			w.Target += " of "
		}
		e := mustBegin(t, j, w)
		want[e.ID()] = w.Target
		if w.Spool != nil {
			want[e.ID()] += "5000"
		}
		p.proveDurable(t, fmt.Sprintf("the intent of %d", i), want)
		if err := e.Answered(&Answer{Outcome: Acknowledged, Status: 200}); err != nil {
			t.Fatal(err)
		}
		want[e.ID()] += " acknowledged"
		p.proveDurable(t, fmt.Sprintf("the outcome of %d", i), want)
	}
	if err := j.Mark(t.Context(), Record{Type: SendingRecord, ID: "x-1", Mark: &Mark{To: Old}}); err != nil {
		t.Fatal(err)
	}
	for len(j.closing) > 0 {
		number := <-j.closing
		if err := j.compress(t.Context(), number); err != nil {
			t.Fatal(err)
		}
		p.proveDurable(t, fmt.Sprintf("the compression of segment %d", number), want)
	}
	if err := j.Seal(); err != nil {
		t.Fatal(err)
	}
	p.proveDurable(t, "the seal", want)
	if n := len(want); n != 12 {
		t.Errorf("%d writes", n)
	}
}

// TestCompressionIsCutAnywhere kills the process between all steps of a compression: no record is ever lost, or there twice.
func TestCompressionIsCutAnywhere(t *testing.T) {
	for _, step := range []string{"nothing", "half a temporary file", "a temporary file", "both files", "a broken compressed one", "done"} {
		t.Run(step, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, Options{Directory: dir, Segment: 1 << 10, disk: unsynced})
			for i := range 8 {
				if err := mustBegin(t, j, put(New, fmt.Sprint("/", i))).Answered(&Answer{Outcome: Acknowledged, Status: 200}); err != nil {
					t.Fatal(err)
				}
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			before := brief(all(t, dir, nil))
			plain, final := filepath.Join(dir, "00000001.jsonl"), filepath.Join(dir, "00000001.jsonl.zst")
			data, err := os.ReadFile(plain)
			if err != nil {
				t.Fatal(err)
			}
			if err := j.compress(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			compressed, err := os.ReadFile(final)
			if err != nil {
				t.Fatal(err)
			}
			put := func(path string, data []byte) {
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			switch step {
			case "nothing":
				put(plain, data)
				_ = os.Remove(final)
			case "half a temporary file":
				put(plain, data)
				put(final+".tmp", compressed[:len(compressed)/2])
				_ = os.Remove(final)
			case "a temporary file":
				put(plain, data)
				_ = os.Rename(final, final+".tmp")
			case "both files":
				put(plain, data)
			case "a broken compressed one":
				put(plain, data)
				put(final, compressed[:len(compressed)-3])
			}
			j = open(t, Options{Directory: dir, disk: unsynced})
			if got := j.Backlog(Old).Acknowledged; got != 8 {
				t.Errorf("backlog %d", got)
			}
			if got := brief(all(t, dir, nil)); got != before {
				t.Errorf("got\n%s\nwant\n%s", got, before)
			}
			names := map[string]bool{}
			for _, name := range entriesOf(dir) {
				names[name] = true
			}
			if names["00000001.jsonl.zst.tmp"] || names["00000001.jsonl"] == names["00000001.jsonl.zst"] {
				t.Errorf("left: %v", entriesOf(dir))
			}
		})
	}
}

// TestRotationSyncsFirst cuts the power when a segment's successor says how much of it counts: all that must be there by then.
func TestRotationSyncsFirst(t *testing.T) {
	dir := t.TempDir()
	p := newPlatter(dir)
	d := p.disk()
	image, sync := "", d.syncDir
	d.syncDir = func(f *os.File) error {
		err := sync(f)
		if _, rotated := p.names[segmentName(2)]; rotated && image == "" {
			image = p.cut(t, false)
		}
		return err
	}
	j := open(t, Options{Directory: dir, Segment: 1, Interval: time.Hour, disk: d})
	w := put(New, "/1")
	w.Body = bytes.Repeat([]byte("x"), 4<<10)
	mustBegin(t, j, w)
	mustBegin(t, j, put(New, "/2"))
	if got := brief(all(t, image, nil)); !strings.Contains(got, "/1") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}
