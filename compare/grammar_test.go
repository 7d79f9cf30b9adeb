package compare_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"paritygate/compare"
	"paritygate/internal/testkit"
)

// grammarCase is a text that is JSON, or is none.
type grammarCase struct {
	Name, Text, Hex string
}

func (c *grammarCase) bytes(t *testing.T) string {
	side := testkit.Side{Body: c.Text, Hex: c.Hex}
	return string(side.Bytes(t))
}

func grammar(t *testing.T) (accept, reject []grammarCase) {
	t.Helper()
	text, err := os.ReadFile("testdata/grammar/json.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Accept, Reject []grammarCase }
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return file.Accept, file.Reject
}

// What is JSON matches itself in another spelling, wherever the two begin to differ.
func TestGrammarAccepts(t *testing.T) {
	accept, _ := grammar(t)
	c := comparerFor(t, nil)
	for _, tc := range accept {
		t.Run(tc.Name, func(t *testing.T) {
			text := tc.bytes(t)
			if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
				t.Fatal("encoding/json does not accept it either")
			}
			for old, new := range map[string]string{
				text: text + "\n", "\t" + text: text,
				"[" + text + ",1]": "[" + text + ",1.0]", `{"a":1,"b":` + text + `}`: `{"b":` + text + `,"a":1}`,
				"[[[" + text + `],"A"],2]`: "[[[" + text + `],"\u0041"],2e0]`,
			} {
				if got := c.Compare(jsonAnswer(old), jsonAnswer(new)); got.Verdict != compare.Match {
					t.Errorf("%s and %s: %s %s %+v", old, new, got.Verdict, got.Reason, got.Differences)
				}
			}
		})
	}
}

// What is no JSON never matches anything but its own bytes, however early or late the two begin to differ.
func TestGrammarRejects(t *testing.T) {
	_, reject := grammar(t)
	c := comparerFor(t, nil)
	for _, tc := range reject {
		t.Run(tc.Name, func(t *testing.T) {
			text := tc.bytes(t)
			if got := c.Compare(jsonAnswer(text), jsonAnswer(text)); got.Verdict != compare.Match {
				t.Errorf("with itself: %+v", got)
			}
			for old, new := range map[string]string{
				text: text + " ", "\n" + text: text, "[" + text + ",1]": "[" + text + ",1.0]", "[1," + text + "]": "[1.0," + text + "]",
				"{\"a\":1,\"b\":" + text + "}": "{\"b\":" + text + ",\"a\":1}", text + strings.Repeat(" ", 40) + "1": text + strings.Repeat(" ", 40) + "2",
			} {
				if json.Valid([]byte(old)) && json.Valid([]byte(new)) && utf8.ValidString(text) {
					t.Fatalf("encoding/json accepts %q and %q", old, new)
				}
				got := c.Compare(jsonAnswer(old), jsonAnswer(new))
				if got.Verdict != compare.Mismatch || len(got.Differences) != 1 || got.Differences[0].Kind != compare.KindInvalid || got.Differences[0].Path != "$" {
					t.Errorf("%q and %q: %s %s %+v", old, new, got.Verdict, got.Reason, got.Differences)
				}
			}
			// Where the other one is JSON it is invalid as well.
			got := c.Compare(jsonAnswer(text), jsonAnswer("[1]"))
			if len(got.Differences) != 1 || got.Differences[0].Kind != compare.KindInvalid || got.Differences[0].Path != "$" {
				t.Errorf("%q and [1]: %s %s %+v", text, got.Verdict, got.Reason, got.Differences)
			}
		})
	}
}
