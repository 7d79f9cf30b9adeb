package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The endings of a segment's file.
const (
	plainEnding      = ".jsonl"
	compressedEnding = ".jsonl.zst"
)

// segmentFile is a segment of a directory.
type segmentFile struct {
	number            int
	plain, compressed bool // which files there are; both where a process died before it removed the plain one
}

// name is that of the file that is read: the plain one, which is removed only once the other one was proven.
func (f segmentFile) name() string {
	if f.plain {
		return segmentBase(f.number) + plainEnding
	}
	return segmentBase(f.number) + compressedEnding
}

// segmentBase is a segment's name without its ending.
func segmentBase(number int) string { return fmt.Sprintf("%08d", number) }

// segmentNumber reads a segment's number from a file's name; ok is false where it is no segment's.
func segmentNumber(name string) (number int, compressed, ok bool) {
	digits, plain := strings.CutSuffix(name, plainEnding)
	if !plain {
		if digits, compressed = strings.CutSuffix(name, compressedEnding); !compressed {
			return 0, false, false
		}
	}
	number, err := strconv.Atoi(digits)
	return number, compressed, err == nil && number > 0 && digits == segmentBase(number)
}

// listFiles returns the segments of a directory in order.
func listFiles(dir string) ([]segmentFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the journal's directory: %w", err)
	}
	byNumber := map[int]segmentFile{}
	for _, e := range entries {
		number, compressed, ok := segmentNumber(e.Name())
		if !ok || e.IsDir() {
			continue
		}
		f := byNumber[number]
		f.number, f.compressed, f.plain = number, f.compressed || compressed, f.plain || !compressed
		byNumber[number] = f
	}
	files := make([]segmentFile, 0, len(byNumber))
	for _, f := range byNumber {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b segmentFile) int { return cmp.Compare(a.number, b.number) })
	return files, nil
}

// open opens a segment's file; one that was compressed since it was listed is found all the same.
func (f *segmentFile) open(dir string) (*lines, error) {
	if f.plain {
		l, err := openLines(filepath.Join(dir, f.name()), false)
		if !errors.Is(err, fs.ErrNotExist) {
			return l, err
		}
		f.plain = false
	}
	return openLines(filepath.Join(dir, f.name()), true)
}

// header reads a segment's first line. A *Damage says that it is none.
func (f *segmentFile) header(dir string) (*SegmentHeader, error) {
	l, err := f.open(dir)
	if err != nil {
		return nil, err
	}
	defer l.close()
	line, at, err := l.next()
	if err != nil {
		return nil, asDamage(f.name(), at, err)
	}
	r, err := headerLine(line)
	if err != nil {
		return nil, asDamage(f.name(), at, err)
	}
	return r.Header, nil
}

// headerLine decodes a line that must be a header.
func headerLine(line []byte) (Record, error) {
	r, err := decodeLine(line, nil)
	if err == nil && r.Type != HeaderRecord {
		err = errors.New("the segment does not begin with a header")
	}
	return r, err
}
