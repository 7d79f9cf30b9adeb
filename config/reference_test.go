package config

import (
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// documented is a row of a table of the reference.
type documented struct {
	kind, fallback    string
	restarts, drifted bool
}

var row = regexp.MustCompile("(?m)^\\| `([a-z][a-z_.\\[\\]]*)`((?: [⟳✎])*) \\| ([^|]+) \\| ([^|]+) \\| .*\\|$")

func reference(t *testing.T) map[string]documented {
	t.Helper()
	text, err := os.ReadFile("../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]documented{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		if _, ok := rows[m[1]]; ok {
			t.Errorf("%s is in the reference twice", m[1])
		}
		rows[m[1]] = documented{
			kind: m[3], fallback: strings.Trim(m[4], "`"),
			restarts: strings.Contains(m[2], "⟳"), drifted: strings.Contains(m[2], "✎"),
		}
	}
	return rows
}

// key is a key as the schema has it, and what it is without the file saying so.
type key struct{ kind, fallback string }

// keys walks the schema. A codec that it does not know fails the test, so that none is left out.
func keys(t *testing.T, found map[string]key, path string, c codec, required bool) {
	t.Helper()
	leaf := func(kind string) {
		k := key{kind: kind, fallback: "–"}
		if v, ok := c.encode(&encoder{}, path); ok {
			k.fallback = inline(v)
		}
		if required {
			k.fallback = "required"
		}
		found[path] = k
	}
	switch v := c.(type) {
	case object:
		for _, f := range v.fields {
			keys(t, found, strings.TrimPrefix(path+"."+f.key, "."), f.codec, f.required)
		}
	case listOf[string], listOf[netip.Prefix]:
		leaf("list")
	case listOf[User]:
		leaf("list")
		keys(t, found, path+"[]", v.item(new(User)), false)
	case listOf[Route]:
		leaf("list")
		keys(t, found, path+"[]", v.item(new(Route)), false)
	case listOf[Rule]:
		leaf("list")
		keys(t, found, path+"[]", v.item(new(Rule)), false)
	case listOf[Check]:
		leaf("list")
		check := v.make()
		keys(t, found, path+"[]", v.item(&check), false)
	case listOf[CheckColumn]:
		leaf("list")
		keys(t, found, path+"[]", v.item(new(CheckColumn)), false)
	case optional[CheckTolerance]:
		tolerance := v.make()
		keys(t, found, path, v.item(&tolerance), false)
	case perhaps:
		keys(t, found, path, v.object, false)
	case optional[CheckHTTP]:
		h := v.make()
		keys(t, found, path, v.item(&h), false)
	case optional[Settled]:
		keys(t, found, path, v.item(new(Settled)), false)
	case dict[string], dict[Secret]:
		leaf("map")
	case optional[float64]:
		leaf("fraction")
	case optional[bool]:
		leaf("boolean")
	case listOf[Prepare]:
		leaf("list")
		keys(t, found, path+"[]", v.item(new(Prepare)), false)
	case fenceCodec:
		keys(t, found, path, v.item(new(Fence)), false)
	case optional[ListenTLS]:
		keys(t, found, path, v.item(new(ListenTLS)), false)
		for _, k := range []string{".certificate", ".key"} { // required only if there is the section
			found[path+k] = key{found[path+k].kind, "–"}
		}
	case optional[Databases]:
		databases := v.make()
		keys(t, found, path, v.item(&databases), false)
	case optional[NumberRule]:
		number := v.make()
		keys(t, found, path, v.item(&number), false)
	case optional[MatchJSON]:
		keys(t, found, path, v.item(new(MatchJSON)), false)
	case optional[TimeRule]:
		keys(t, found, path, v.item(new(TimeRule)), false)
	case optional[CSVRule]:
		keys(t, found, path, v.item(new(CSVRule)), false)
	default:
		leaf(scalarKind(t, path, c))
	}
}

// scalarKind tells a scalar's type from what it wants.
func scalarKind(t *testing.T, path string, c codec) string {
	t.Helper()
	want := ""
	switch v := c.(type) {
	case scalar[string]:
		want = v.want
	case scalar[Secret]:
		return "secret"
	case scalar[bool]:
		return "boolean"
	case sparse[bool]:
		return "`true`"
	case sparse[string]:
		return scalarKind(t, path, v.codec)
	case sparse[Decimal]:
		return scalarKind(t, path, v.codec)
	case scalar[int], sparse[int]:
		return "integer"
	case scalar[int64]:
		return "size"
	case sparse[float64]:
		return scalarKind(t, path, v.codec)
	case scalar[float64]:
		want = v.want
	case scalar[Decimal]:
		want = v.want
	case scalar[time.Duration]:
		return "duration"
	case scalar[*url.URL]:
		return "string"
	default:
		t.Fatalf("%s has a codec that this test does not know: %T", path, c)
	}
	for _, kind := range []string{"fraction", "decimal", "number"} {
		if strings.HasPrefix(want, "must be a "+kind) {
			return kind
		}
	}
	if want == "must be number" {
		return "`number`"
	}
	if strings.HasPrefix(want, "must be 1 to 63 letters") {
		return "name"
	}
	if words := regexp.MustCompile(`^must be ([A-Za-z]+(?:, [a-z]+)*) or ([A-Za-z]+)$`).FindStringSubmatch(want); words != nil {
		return "`" + strings.ReplaceAll(words[1]+", "+words[2], ", ", "`, `") + "`"
	}
	return "string"
}

// inline writes a default as the reference does.
func inline(v value) string {
	switch v.kind {
	case list:
		items := make([]string, len(v.items))
		for i := range v.items {
			items[i] = inline(v.items[i])
		}
		return "[" + strings.Join(items, ", ") + "]"
	case mapping:
		return "{}"
	case null, text, number, boolean, invalid:
	}
	if v.text == "" {
		return `""`
	}
	return v.text
}

// TestReference holds docs/reference.md against the schema: the keys, their types, their defaults, and what a change of
// them means.
func TestReference(t *testing.T) {
	found := map[string]key{}
	keys(t, found, "", schema(Default()), false)
	rows := reference(t)
	if len(found) < 100 {
		t.Fatalf("the schema has %d keys", len(found))
	}
	under := func(paths []string, path string) bool {
		return slices.ContainsFunc(paths, func(p string) bool {
			return path == p || strings.HasPrefix(path, p+".") || strings.HasPrefix(path, p+"[")
		})
	}
	for path, want := range found {
		got, ok := rows[path]
		if !ok {
			t.Errorf("%s is not in the reference", path)
			continue
		}
		if got.fallback != want.fallback {
			t.Errorf("%s: the reference's default is %s, the code's is %s", path, got.fallback, want.fallback)
		}
		if !strings.HasPrefix(got.kind, want.kind) && !strings.HasPrefix(want.kind, got.kind) {
			t.Errorf("%s: the reference's type is %s, the code's is %s", path, got.kind, want.kind)
		}
		if strings.Contains(path, "[]") {
			continue // the marks stand at the list
		}
		if restarts := under(restartPaths, path); got.restarts != restarts {
			t.Errorf("%s: the reference says ⟳ %v, the code %v", path, got.restarts, restarts)
		}
		if drifted := under(evidencePaths, path); got.drifted != drifted {
			t.Errorf("%s: the reference says ✎ %v, the code %v", path, got.drifted, drifted)
		}
	}
	for path := range rows {
		if _, ok := found[path]; !ok {
			t.Errorf("the reference has %s, the schema does not", path)
		}
	}
}
