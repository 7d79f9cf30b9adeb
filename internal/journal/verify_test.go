package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVerify(t *testing.T) {
	p := story(t)
	p.compress(1)
	v, err := Verify(t.Context(), p.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Verification{
		Directory: p.dir, Identity: testIdentity, Run: "run", Segments: 2, Compressed: 1, Records: p.seq, First: v.First, Last: v.Last, Epoch: 4,
		Writes:  map[Outcome]int64{Acknowledged: 4, Rejected: 1, Unknown: 2},
		Carried: map[Carried]int64{Sent: 1, Unsent: 1, Nothing: 1, CarriedUnknown: 3, Resolved: 1}, Missing: 3,
	}
	if diff := cmp.Diff(want, v); diff != "" || v.First.IsZero() {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := Verify(t.Context(), filepath.Join(p.dir, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
	if _, err := Verify(t.Context(), t.TempDir(), nil); err == nil {
		t.Error("an empty directory passes for a journal")
	}
}

// TestVerifyFindsDamage goes on behind damage, in the next segment, and names each.
func TestVerifyFindsDamage(t *testing.T) {
	for name, test := range damaged {
		t.Run(name, func(t *testing.T) {
			p := newPapers(t)
			p.batches(3)
			p.rotate()
			p.batches(3)
			p.rotate()
			p.batches(3)
			test.damage(p)
			v, err := Verify(t.Context(), p.dir, nil)
			if err != nil || len(v.Damages) != 1 || v.Damages[0].Segment != test.segment {
				t.Errorf("%v, damages %v, want one in %s", err, v.Damages, test.segment)
			}
		})
	}
	p := newPapers(t)
	p.batches(3)
	p.rotate()
	p.batches(3)
	p.rotate()
	p.mark(SendingRecord, 999, Mark{})
	p.edit("00000001.jsonl", func(b []byte) []byte { b[p.at[4]+60] ^= 2; return b })
	p.append([]byte(`{"crc32c":"0000`))
	v, err := Verify(t.Context(), p.dir, nil)
	if err != nil || len(v.Damages) != 1 || v.Damages[0].Offset != p.at[4] || v.Torn == nil || v.Torn.Segment != "00000003.jsonl" || v.Records != 3+6+1 {
		t.Errorf("%v, %d records, damages %v, torn %+v", err, v.Records, v.Damages, v.Torn)
	}
	p = newPapers(t)
	p.mark(SendingRecord, 999, Mark{})
	if v, err = Verify(t.Context(), p.dir, nil); err != nil || len(v.Damages) != 1 || !strings.Contains(v.Damages[0].What, "no write before it") {
		t.Errorf("a mark of nothing: %v, %v", err, v.Damages)
	}
}

// TestVerifyProvesSpools proves bodies beside the segments, with and without a key, also of a copy.
func TestVerifyProvesSpools(t *testing.T) {
	for name, key := range map[string]string{"in clear": "", "sealed": "0123456789abcdef"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, Options{Directory: dir, Key: []byte(key)})
			body := strings.Repeat("body ", 40000)
			s, err := j.NewSpool()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write([]byte(body)); err != nil {
				t.Fatal(err)
			}
			w := put(New, "/large")
			w.Body, w.Spool = nil, s
			if err := mustBegin(t, j, w).Answered(&Answer{Outcome: Acknowledged, Status: 200}); err != nil {
				t.Fatal(err)
			}
			if v, err := Verify(t.Context(), dir, []byte(key)); err != nil || v.Spools != 1 || len(v.Damages) > 0 || v.Sealed != (key != "") {
				t.Errorf("%v, %+v", err, v)
			}
			if v, err := Verify(t.Context(), dir, nil); err != nil || v.Spools != 1 || len(v.Damages) > 0 || len(v.Notes) > 0 || v.Writes[Acknowledged] != 1 {
				t.Errorf("without the key: %v, %+v", err, v)
			}
			if _, err := Verify(t.Context(), dir, []byte("another key, 16 b")); key != "" && !errors.Is(err, ErrKey) {
				t.Errorf("with another key: %v", err)
			}
			again, err := j.Tail(0).NextWait(t.Context())
			if err != nil || again.Header == nil {
				t.Fatal(again, err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			spool := w.Spool.Path
			if err := os.WriteFile(filepath.Join(dir, "00000001-orphan.body"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if v, err := Verify(t.Context(), dir, []byte(key)); err != nil || len(v.Notes) != 1 || len(v.Damages) > 0 {
				t.Errorf("an orphan: %v, %+v", err, v)
			}
			text, err := os.ReadFile(filepath.Join(dir, spool))
			if err != nil {
				t.Fatal(err)
			}
			flipped := []byte(string(text))
			flipped[len(text)/2] ^= 1
			for _, bad := range [][]byte{flipped, text[:len(text)-7], append([]byte(string(text)), 'x'), nil} {
				if err := os.Remove(filepath.Join(dir, spool)); err != nil {
					t.Fatal(err)
				}
				if bad != nil {
					if err := os.WriteFile(filepath.Join(dir, spool), bad, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if v, err := Verify(t.Context(), dir, []byte(key)); err != nil || len(v.Damages) != 1 || v.Damages[0].Segment != spool {
					t.Errorf("%d of %d bytes: %v, %v", len(bad), len(text), err, v.Damages)
				}
			}
		})
	}
}
