package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the messages of testdata/bad anew")

// environment is what the files of testdata and examples find in it.
var environment = map[string]string{
	"NAME": "orders", "EMPTY": "", "WAIT": "7s", "SOON": "soon", "WORKERS": "8", "SHARE": "25%", "STRICT": "true",
	"INJECT": "x, kind: write}\n- {name: y", "TOKEN": "alice-secret-token", "KEY": "header-secret",
	"OLD_DSN": "postgres://app:dsn-secret@old.example.com:5432/shop", "NEW_DSN": "host=new.example.com password='dsn secret' dbname=shop",
	"BAD_DSN": "postgres://app:dsn/secret@old.example.com/shop", "URL_SECRET": "https://app:url-secret@old.example.com",
	"QUERY": "query-secret", "SPACED": "a token-secret",
}

func lookup(name string) (string, bool) {
	v, ok := environment[name]
	return v, ok
}

// secrets are parts of the environment's values that no message and no output may hold.
var secrets = []string{"secret-token", "token-secret", "header-secret", "dsn-secret", "dsn secret", "dsn/secret", "url-secret", "query-secret"}

func leaks(t *testing.T, what, s string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(s, secret) {
			t.Errorf("%s holds the secret %q:\n%s", what, secret, s)
		}
	}
}

// TestInspections: what others find comes beside what Parse finds, in the order of the file, but for fields that could not be read.
func TestInspections(t *testing.T) {
	const text = `run: {name: r}
backends: {old: {url: "http://a"}, new: {url: "http://b"}}
mirror: {fraction: 200%, key: "header:X"}
compare: {headers: [a, b c], rules: [{path: "$.a", ignore: true}, {path: 5, ignore: true}]}
redact: {json: ["$.a"]}
`
	said := []string{"redact.json[0]", "compare.rules[1]", "compare.rules[1].path", "compare.rules[1].path.more", "compare.rules[0].path", "compare", "mirror.fractional", "mirror.key"}
	inspect := func(c *Config) Problems {
		var out Problems
		for _, path := range said {
			out = append(out, c.Problem(path, "found"))
		}
		return out
	}
	c, err := Parse("f", []byte(text), nil, inspect)
	want := `f:3:9: mirror.fractional: found
f:3:20: mirror.fraction: must be a fraction between 0% and 100%, such as 10% or 0.1; got "200%"
f:3:31: mirror.key: found
f:4:24: compare.headers[1]: must be the name of a header, such as content-type; got "b c"
f:4:45: compare.rules[0].path: found
f:4:74: compare.rules[1].path: must be a string; put it in quotes; got 5
f:5:17: redact.json[0]: found`
	if c != nil || err == nil || err.Error() != want {
		t.Errorf("%v, %v\nwant %s", c, err, want)
	}
}

// TestBadFiles compares all that is said of each bad file with the text beside it.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d bad files (%v), want 40 or more", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(filepath.Base(path), data, lookup)
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("Parse = %v, %v; want Problems", c, err)
			}
			if c != nil {
				t.Error("there is a configuration beside the error")
			}
			got := err.Error() + "\n"
			leaks(t, "the error", got)
			golden := strings.TrimSuffix(path, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGoodFiles loads each good file, and loads again what it prints.
func TestGoodFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no good files", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			c, err := Load(path, lookup)
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, c)
		})
	}
}

// roundTrip puts secrets back into the printed configuration, loads it, and wants the same.
func roundTrip(t *testing.T, c *Config) {
	t.Helper()
	printed := string(c.YAML())
	leaks(t, "YAML", printed)
	leaks(t, "EvidenceYAML", string(c.EvidenceYAML()))
	filled := printed
	for i := range c.Admin.Users {
		filled = strings.Replace(filled, `token: "[redacted]"`, "token: replaced-"+string(rune('a'+i)), 1)
	}
	filled = strings.Replace(filled, "\n  key: \"[redacted]\"\n  mirror:", "\n  key: replaced-with-sixteen\n  mirror:", 1)
	again, err := Parse("printed.yaml", []byte(filled), nil)
	if err != nil {
		t.Fatalf("the printed configuration does not load: %v\n%s", err, filled)
	}
	if diff := cmp.Diff(printed, string(again.YAML())); diff != "" {
		t.Errorf("printed, loaded and printed again (-first +second):\n%s", diff)
	}
	if c.Checksum() != again.Checksum() {
		t.Error("the checksum of the printed configuration is another one")
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct{ path, want string }{
		"missing":   {filepath.Join(dir, "none.yaml"), "cannot be read: no such file or directory"},
		"directory": {dir, "is a directory; name the file in it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(test.path, lookup)
			if want := test.path + ": " + test.want; err == nil || err.Error() != want {
				t.Errorf("Load = %v, want %s", err, want)
			}
			if !errors.As(err, new(Problems)) {
				t.Errorf("Load = %T, want Problems", err)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(path, []byte(minimal+strings.Repeat("# padding\n", 200_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, lookup)
	if want := path + ": is larger than 1MiB, which no configuration is"; err == nil || err.Error() != want {
		t.Errorf("Load = %v, want %s", err, want)
	}
}

const minimal = `run: {name: orders}
backends:
  old: {url: https://old.example.com}
  new: {url: https://new.example.com}
`

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("paritygate.yaml", []byte(text), lookup)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestHostileInput holds what is small to write and could be large to read to a bounded answer.
func TestHostileInput(t *testing.T) {
	bomb := "a: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := range 12 {
		before := "*a" + string(rune('a'+i))
		if i == 0 {
			before = "*a0"
		}
		bomb += "k" + string(rune('b'+i)) + ": &a" + string(rune('b'+i)) + " [" + strings.Repeat(before+", ", 9) + "]\n"
	}
	for name, test := range map[string]struct{ text, want string }{
		"brackets":      {strings.Repeat("[", 90_000), "brackets are nested more than 64 levels deep"},
		"braces":        {strings.Repeat("a: {", 10_000), "brackets are nested more than 64 levels deep"},
		"dashes":        {strings.Repeat("- ", 5000), "is nested more than 64 levels deep"},
		"tokens":        {strings.Repeat("a: 1\n", 100_000), "is too long for a configuration"},
		"alias bomb":    {bomb, "has more than 100000 values once its aliases are resolved"},
		"alias of self": {"a: &a [*a]\n", "there is no anchor &a before this alias"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("hostile.yaml", []byte(test.text), nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Parse = %.300v, want %s", err, test.want)
			}
		})
	}
}
