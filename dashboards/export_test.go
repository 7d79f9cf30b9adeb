package dashboards_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"paritygate/dashboards"
)

func TestExport(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, dir string)
		dir     string // below a temporary directory
	}{
		{name: "a directory that is not there", dir: "a/b"},
		{name: "a directory that is there", dir: "."},
		{name: "over an older export", dir: ".", prepare: func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, dashboards.Rules), "older, and read-only", 0o400)
		}},
		{name: "beside other files", dir: ".", prepare: func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "other.json"), "{}", 0o600)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), test.dir)
			if test.prepare != nil {
				test.prepare(t, dir)
			}
			before := list(t, dir)
			written, err := dashboards.Export(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(written) != len(dashboards.Names()) {
				t.Errorf("wrote %v, want all of %v", written, dashboards.Names())
			}
			for i, path := range written {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if name := dashboards.Names()[i]; filepath.Base(path) != name || !bytes.Equal(data, dashboards.Read(name)) {
					t.Errorf("%s does not hold what is embedded as %s", path, name)
				}
				info, err := os.Stat(path)
				if err != nil || info.Mode().Perm() != 0o644 {
					t.Errorf("%s: mode %v, %v; other users must be able to read it", path, info.Mode(), err)
				}
			}
			for name := range list(t, dir) {
				if name != dashboards.Parity && name != dashboards.Rules && !before[name] {
					t.Errorf("%s was left behind", name)
				}
			}
		})
	}
}

func TestExportErrors(t *testing.T) {
	tests := []struct {
		name, dir, want string
		prepare         func(t *testing.T, root string)
	}{
		{name: "no directory given", want: "export dashboards: no directory given"},
		{
			name: "the directory is a file", dir: "file", want: "not a directory",
			prepare: func(t *testing.T, root string) { write(t, filepath.Join(root, "file"), "", 0o600) },
		},
		{
			name: "a directory is in a file's place", dir: "out", want: "rules.yml: it is a directory; remove it, or export to another place",
			prepare: func(t *testing.T, root string) {
				if err := os.MkdirAll(filepath.Join(root, "out", dashboards.Rules), 0o700); err != nil {
					t.Fatal(err)
				}
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := test.dir
			if dir != "" {
				root := t.TempDir()
				test.prepare(t, root)
				dir = filepath.Join(root, dir)
			}
			_, err := dashboards.Export(dir)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// list returns the names in a directory; none if it is not there.
func list(t *testing.T, dir string) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names
}
