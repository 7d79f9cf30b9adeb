// Package house_test keeps the house in order: who may import whom, what the pure package must not touch, and what must not
// be in any file. The import table is explained in docs/ARCHITECTURE.md.
package house_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "paritygate"

// root is the module's directory, seen from this one.
const root = "../.."

// everything stands in the table for every package of the project but testkit.
const everything = "*"

// table says what of this project a package may import. A package that is not in it fails the test: whoever adds one
// decides its place here and in docs/ARCHITECTURE.md.
var table = map[string][]string{
	"config":                    {},
	"compare":                   {},
	"compare/aggregate":         {"compare", "compare/aggregate/catalog", "internal/postgres"},
	"compare/aggregate/catalog": {},
	"proxy":                     {"compare", "proxy/upstream"},
	"proxy/upstream":            {},
	"dashboards":                {},
	"internal/cutover":          {},
	"internal/throwaway":        {},
	"internal/postgres":         {},
	"internal/fence":            {"internal/postgres"},
	"internal/handover":         {},
	"internal/journal":          {},
	"internal/detect":           {},
	"internal/inventory":        {"compare/aggregate/catalog"},
	"internal/evidence":         {"compare"},
	"internal/admin":            {"compare", "internal/cutover", "internal/evidence"},
	"internal/report":           {"compare", "internal/admin", "internal/cutover", "internal/evidence"},
	"internal/demo":             {"internal/throwaway"},
	"internal/testkit":          {everything},
	"internal/house":            {},
	"cmd/paritygate":            {everything},
	"tools/benchpeers":          {},
}

// goPackage is what `go list -json` says of a package.
type goPackage struct {
	ImportPath, Dir, Name              string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports                            []string
}

// relative is the package's path inside the module.
func (p *goPackage) relative() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Name,GoFiles,TestGoFiles,XTestGoFiles,Imports", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

func TestImportTable(t *testing.T) {
	for _, p := range packages(t) {
		allowed, ok := table[p.relative()]
		if !ok {
			t.Errorf("package %s is not in the import table of this test; decide what it may import, there and in docs/ARCHITECTURE.md", p.relative())
			continue
		}
		for _, imported := range p.Imports {
			path, ours := strings.CutPrefix(imported, module+"/")
			switch {
			case !ours:
			case path == "internal/testkit":
				t.Errorf("%s imports internal/testkit, which is for tests alone", p.relative())
			case !slices.Contains(allowed, path) && !slices.Contains(allowed, everything):
				t.Errorf("%s must not import %s", p.relative(), path)
			}
		}
	}
}

func TestOneDocCommentPerPackage(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue // nothing but tests
		}
		var documented []string
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc == nil {
				continue
			}
			documented = append(documented, name)
			start := "Package " + p.Name + " "
			if p.Name == "main" {
				start = "Command " + filepath.Base(p.Dir) + " "
			}
			if !strings.HasPrefix(f.Doc.Text(), start) {
				t.Errorf("%s/%s: the doc comment of the package must start with %q", p.relative(), name, start)
			}
		}
		if len(documented) != 1 {
			t.Errorf("%s has %d doc comments (%v), want one", p.relative(), len(documented), documented)
		}
	}
}

// impure are packages that reach outside, or print.
var impure = regexp.MustCompile(`^(net|net/http.*|os|os/.*|syscall|log|log/.*|database/.*|testing|.*/prometheus/.*|go\.uber\.org/zap.*|github\.com/jackc/.*)$`)

// clock are the functions of package time that ask or wait for the time.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

func TestCompareIsPure(t *testing.T) {
	for _, p := range packages(t) {
		if p.relative() != "compare" {
			continue
		}
		for _, imported := range p.Imports {
			if impure.MatchString(imported) {
				t.Errorf("compare imports %s; it must stay free of network, files, clocks, loggers and metrics", imported)
			}
		}
		for _, name := range p.GoFiles {
			for _, use := range uses(t, filepath.Join(p.Dir, name), "time", clock) {
				t.Errorf("compare must not know the time: %s", use)
			}
		}
		return
	}
	t.Fatal("no package compare")
}

// sleepers are the functions of package time that wait for the time alone.
var sleepers = []string{"Sleep"}

func TestNoSleepInTests(t *testing.T) {
	for _, p := range packages(t) {
		names := slices.Concat(p.TestGoFiles, p.XTestGoFiles)
		if p.relative() == "internal/testkit" {
			names = append(names, p.GoFiles...)
		}
		for _, name := range names {
			for _, use := range uses(t, filepath.Join(p.Dir, name), "time", sleepers) {
				t.Errorf("wait for a condition with a deadline instead: %s", use)
			}
		}
	}
}

// uses returns where a file mentions one of the names of a standard package. Inside a call of synctest.Test the clock is
// not the machine's, so it does not count there.
func uses(t *testing.T, path, pkg string, names []string) []string {
	t.Helper()
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	local := localName(f, pkg)
	bubble := localName(f, "testing/synctest")
	var found []string
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && bubble != "" && selects(call.Fun, bubble, []string{"Test"}) {
			return false
		}
		if selector, ok := n.(*ast.SelectorExpr); ok && local != "" && selects(selector, local, names) {
			found = append(found, fmt.Sprintf("%s: %s.%s", files.Position(selector.Pos()), pkg, selector.Sel.Name))
		}
		return true
	})
	return found
}

// localName is how a file calls a package that it imports, or empty.
func localName(f *ast.File, path string) string {
	for _, spec := range f.Imports {
		if spec.Path.Value != `"`+path+`"` {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path[strings.LastIndex(path, "/")+1:]
	}
	return ""
}

func selects(e ast.Expr, pkg string, names []string) bool {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := selector.X.(*ast.Ident)
	return ok && x.Name == pkg && slices.Contains(names, selector.Sel.Name)
}

// foreign is what is true of one machine alone: directories of the people who build this, and hosts of package registries,
// which are a matter of each machine's settings. The brackets keep the patterns from matching themselves.
var foreign = []*regexp.Regexp{
	regexp.MustCompile(`(^|[\s"'=:(` + "`" + `])/(wor[k]|far[m]|roo[t]|hom[e]/[a-z]+)/`),
	regexp.MustCompile(`prox[y]\.golang\.org|su[m]\.golang\.org|registr[y]\.npmjs\.org|pyp[i]\.org|[a-z.]+\.debia[n]\.org`),
}

// hints are parts of what the patterns find: a line without any of them needs no pattern, which is a hundred times dearer.
var hints = []string{"wor" + "k/", "far" + "m/", "roo" + "t/", "hom" + "e/", "golang" + ".org", "npmjs" + ".org", "pypi" + ".org", "debian" + ".org"}

func TestNothingOfOneMachine(t *testing.T) {
	for _, name := range tracked(t) {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(data, 0) >= 0 {
			continue // not text
		}
		for i, line := range strings.Split(string(data), "\n") {
			if !slices.ContainsFunc(hints, func(hint string) bool { return strings.Contains(line, hint) }) {
				continue
			}
			for _, pattern := range foreign {
				if found := pattern.FindString(line); found != "" {
					t.Errorf("%s:%d names what is true of one machine alone: %s", name, i+1, strings.TrimSpace(found))
				}
			}
		}
	}
}

// tracked lists the regular files that git knows or would take, and that are there.
func tracked(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("not a checkout of the repository: git ls-files: %v", err)
	}
	names := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(names) < 10 {
		t.Fatalf("git lists %d files only: %q", len(names), names)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		info, err := os.Lstat(filepath.Join(root, name))
		return err != nil || !info.Mode().IsRegular()
	})
}
