package compare

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// encode compresses text as a server would that names the coding; "bare" is deflate without zlib's frame.
func encode(t testing.TB, coding, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "bare":
		w, err = flate.NewWriter(&b, 6)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	default:
		t.Fatalf("no encoder for %s", coding)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var codings = []string{"gzip", "deflate", "bare", "br", "zstd"}

// named is how a coding is called in Content-Encoding.
func named(coding string) string {
	if coding == "bare" {
		return "deflate"
	}
	return coding
}

func TestEveryEncodingIsDecoded(t *testing.T) {
	const gz = "Content-Encoding"
	for _, coding := range codings {
		t.Run(coding, func(t *testing.T) {
			for _, size := range []int{0, 1, 3, 500, 5000, 60_000, 1200_000} {
				text := string(listing(size, false))
				if size < 100 {
					text = strings.Repeat("7", size)
				}
				plain := answer(200, text, ct, "application/json")
				packed := answer(200, encode(t, coding, text), ct, "application/json", gz, named(coding))
				if got := comparer(t).Compare(plain, packed); got.Verdict != Match {
					t.Errorf("%d bytes: %s %s %v", size, got.Verdict, got.Reason, got.Differences)
				}
				if size < 100 || size > maxKept {
					continue
				}
				changed := strings.Replace(text, `"sale"`, `"sail"`, 1)
				got := comparer(t).Compare(plain, answer(200, encode(t, coding, changed), ct, "application/json", gz, named(coding)))
				if len(got.Differences) != 1 || got.Differences[0].Path != "$.items[0].tags[2]" {
					t.Errorf("%d bytes, one leaf changed: %s %s %v", size, got.Verdict, got.Reason, got.Differences)
				}
			}
		})
	}
}

// What is cut, damaged or followed by something else is never the text, and never a panic.
func TestDamagedEncodings(t *testing.T) {
	text := string(listing(3000, false))
	for _, coding := range codings {
		t.Run(coding, func(t *testing.T) {
			whole := encode(t, coding, text)
			open := func(body []byte) ([]byte, error) {
				d, err := decode(body, encoding(named(coding)), 1<<20, nil)
				defer d.release()
				return bytes.Clone(d.body), err
			}
			for n := 1; n < len(whole); n++ {
				if body, err := open(whole[:n]); err == nil {
					t.Fatalf("cut to %d of %d bytes: %.20q", n, len(whole), body)
				} else if _, ok := errors.AsType[*encodingError](err); !ok {
					t.Fatalf("cut to %d of %d bytes: %v", n, len(whole), err)
				}
			}
			for _, tail := range []string{"\x00", "x", "garbage behind it", "\x1f\x8b", "\x28\xb5\x2f"} {
				if _, err := open(append(bytes.Clone(whole), tail...)); err == nil {
					t.Errorf("%q behind the end was not seen", tail)
				}
			}
			if coding == "bare" || coding == "br" {
				return // they have no checksum
			}
			for i := range whole {
				damaged := bytes.Clone(whole)
				damaged[i] ^= 0x10
				if body, err := open(damaged); err == nil && string(body) != text {
					t.Fatalf("byte %d damaged: %.20q", i, body)
				}
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	const gz, text = "Content-Encoding", "the text, the text, the text"
	member := func(text string) string { return string(encode(t, "gzip", text)) }
	frame := func(text string) string { return string(encode(t, "zstd", text)) }
	stack := func(names ...string) []byte {
		body := text
		for _, name := range names {
			body = string(encode(t, name, body))
		}
		return []byte(body)
	}
	// A frame of zstd that holds nothing: its header says how large the window must be.
	claim := func(windowLog byte) string {
		return "\x28\xb5\x2f\xfd\x00" + string([]byte{(windowLog - 10) << 3}) + "\x01\x00\x00"
	}
	// The same with the size of the content.
	size := func(n uint64) string {
		return "\x28\xb5\x2f\xfd\xe0" + string(binary.LittleEndian.AppendUint64(nil, n)) + "\x01\x00\x00"
	}
	bomb := strings.Repeat("\x00", 3<<20)
	for _, tc := range []struct {
		name    string
		body    []byte
		header  []string
		verdict Verdict
		reason  Reason
	}{
		{"several gzip members", []byte(member(text[:5]) + member("") + member(text[5:])), []string{"gzip"}, Match, ""},
		{"several zstd frames", []byte(frame(text[:5]) + "\x50\x2a\x4d\x18\x02\x00\x00\x00ab" + frame(text[5:])), []string{"zstd"}, Match, ""},
		{"in capitals, with identity", stack("br"), []string{"identity, BR ,"}, Match, ""},
		{"an old name", stack("gzip"), []string{"X-GZip"}, Match, ""},
		{"two in one field", stack("gzip", "br"), []string{"gzip, br"}, Match, ""},
		{"two in two fields", stack("zstd", "deflate"), []string{"zstd", "deflate"}, Match, ""},
		{"in the wrong order", stack("gzip", "br"), []string{"br, gzip"}, Mismatch, ""},
		{"as many as allowed", stack("gzip", "br", "zstd", "bare"), []string{"gzip, br, zstd, deflate"}, Match, ""},
		{"too many", stack("gzip", "gzip", "gzip", "gzip", "gzip"), []string{"gzip,gzip,gzip,gzip,gzip"}, Skipped, TooComplex},
		{"an unknown one", stack("gzip"), []string{"compress"}, Skipped, TooComplex},
		{"an unknown one beneath", stack("gzip"), []string{"dcz, gzip"}, Skipped, TooComplex},
		{"a window of 8 MiB", []byte(claim(23) + frame(text)), []string{"zstd"}, Match, ""},
		{"a window of 512 MiB", []byte(claim(29)), []string{"zstd"}, Skipped, TooLarge},
		{"a window of 512 MiB behind another", []byte(frame(text) + claim(29)), []string{"zstd"}, Skipped, TooLarge},
		{"a content of 512 MiB", []byte(size(512 << 20)), []string{"zstd"}, Skipped, TooLarge},
		{"a content of 2^63 bytes", []byte(size(1 << 63)), []string{"zstd"}, Skipped, TooLarge},
		{"a dictionary of zstd", []byte("\x28\xb5\x2f\xfd\x21\x07\x01\x09\x00\x00x"), []string{"zstd"}, Skipped, TooComplex},
		{"a dictionary of zlib", []byte("\x78\xbb\x00\x00\x00\x02\x03\x00\x00\x00\x00\x01"), []string{"deflate"}, Skipped, TooComplex},
		{"a block that is larger than its window", []byte("\x28\xb5\x2f\xfd\x00\x00\x01\x80\x00" + strings.Repeat("x", 4096)), []string{"zstd"}, Mismatch, ""},
		{"a bomb in gzip", encode(t, "gzip", bomb), []string{"gzip"}, Skipped, TooLarge},
		{"a bomb in zlib", encode(t, "deflate", bomb), []string{"deflate"}, Skipped, TooLarge},
		{"a bomb in deflate", encode(t, "bare", bomb), []string{"deflate"}, Skipped, TooLarge},
		{"a bomb in br", encode(t, "br", bomb), []string{"br"}, Skipped, TooLarge},
		{"a bomb in zstd", encode(t, "zstd", bomb), []string{"zstd"}, Skipped, TooLarge},
		{"a bomb in a bomb", encode(t, "gzip", string(encode(t, "gzip", bomb))), []string{"gzip, gzip"}, Skipped, TooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			packed := answer(200, tc.body)
			packed.Header[gz] = tc.header
			plain := answer(200, text)
			for _, got := range []Result{comparer(t).Compare(plain, packed), comparer(t).Compare(packed, plain)} {
				if got.Verdict != tc.verdict || got.Reason != tc.reason {
					t.Errorf("%s %s %v", got.Verdict, got.Reason, got.Differences)
				}
				if tc.verdict == Mismatch && got.Differences[0].Kind != KindInvalid {
					t.Errorf("%v", got.Differences)
				}
			}
			same := answer(200, bytes.Clone(tc.body))
			same.Header[gz] = tc.header
			if got := comparer(t).Compare(packed, same); got.Verdict != Match {
				t.Errorf("the same bytes: %s %s", got.Verdict, got.Reason)
			}
		})
	}
}

// Hostile bodies that come all at once take no more memory than the bodies that are decoded in turn.
func TestDecodingTakesBoundedMemory(t *testing.T) {
	const at, size = 16, 4 << 20
	body := encode(t, "zstd", string(listing(size, false)))
	packed := answer(200, body, "Content-Encoding", "zstd")
	if d, err := decode(body, "zstd", defaultMaxDecoded, nil); err != nil || len(d.body) < size-200 {
		t.Fatalf("%d bytes, %v", len(d.body), err)
	}
	var started, wg sync.WaitGroup
	started.Add(at)
	goroutines := runtime.NumGoroutine()
	inUse := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := inUse(), uint64(0)
	var mu sync.Mutex
	for range at {
		wg.Go(func() {
			started.Done()
			started.Wait()
			var o opener
			defer o.close()
			d, err := o.open(packed, defaultMaxDecoded)
			defer d.release()
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			most = max(most, inUse())
			runtime.KeepAlive(d)
		})
	}
	wg.Wait()
	// One more than those whose turn it is ends, and the decoders themselves hold as much as one body.
	if limit := before + uint64(cap(large)+2)*2*size; most > limit {
		t.Errorf("%d MiB were in use, more than %d MiB", most>>20, limit>>20)
	}
	if n := runtime.NumGoroutine(); n > goroutines+1 {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
}

func BenchmarkDecode(b *testing.B) {
	text := string(listing(32<<10, false))
	for _, coding := range codings {
		b.Run(coding, func(b *testing.B) {
			body := encode(b, coding, text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				d, err := decode(body, encoding(named(coding)), 1<<20, nil)
				if err != nil {
					b.Fatal(err)
				}
				d.release()
			}
			b.ReportMetric(float64(len(body)), "wire-bytes")
		})
	}
}
