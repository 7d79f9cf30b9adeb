package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestProbeSaysWhatAStartWouldFindAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j := open(t, Options{Directory: filepath.Join(dir, "sealed"), Run: "shop", Key: []byte("a key of many letters")})
	mustBegin(t, j, put(New, "/orders"))
	for _, tt := range []struct {
		name, dir, key string
		ok, wrongKey   bool
	}{
		{"one that is not there yet", "a/b/c", "", true, false},
		{"an empty one", ".", "", true, false},
		{"a file", "file", "", false, false},
		{"below a file", "file/journal", "", false, false},
		{"with its key, while it is written", "sealed", "a key of many letters", true, false},
		{"with another key", "sealed", "another key, as long", false, true},
		{"without its key", "sealed", "", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
			err := Probe(filepath.Join(dir, tt.dir), []byte(tt.key))
			if (err == nil) != tt.ok || errors.Is(err, ErrKey) != tt.wrongKey {
				t.Errorf("got %v", err)
			}
			if after, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(after) != len(before) {
				t.Errorf("there is %v, before there was %v", after, before)
			}
		})
	}
}
