package testkit

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/goccy/go-yaml"
	"github.com/klauspost/compress/zstd"
)

// Pair is two answers to one request, and what must be said of them.
type Pair struct {
	// File and Name say where it is written.
	File string `yaml:"-"`
	Name string `yaml:"name"`
	// Type is the Content-Type of both; empty is that of the file.
	Type string `yaml:"type"`
	// Headers are compared; empty is content-type and location.
	Headers []string `yaml:"headers"`
	// Rules are as in a configuration.
	Rules    []map[string]any `yaml:"rules"`
	Old, New Side
	// Verdict and Reason are what must be found, Differences how: `value $.a` in a body, `header value etag` elsewhere. The order
	// does not count. Where there are several ways to name what differs, they are left out.
	Verdict     string    `yaml:"verdict"`
	Reason      string    `yaml:"reason"`
	Differences *[]string `yaml:"differences"`
	// OneWay says that the verdict on old and new exchanged may be another one.
	OneWay bool `yaml:"one_way"`
}

// Side is one answer. In a file it is the body alone, or a mapping.
type Side struct {
	Status int `yaml:"status"`
	// Type is the Content-Type instead of that of the pair; `none`: there is none.
	Type string `yaml:"type"`
	// Body is text; Hex is bytes instead, in which white space does not count.
	Body string `yaml:"body"`
	Hex  string `yaml:"hex"`
	// Encode names what the body is packed with, in that order: gzip, gzip-1, gzip-two (two members), deflate, deflate-raw, br, zstd.
	Encode []string `yaml:"encode"`
	// Headers and Trailers are sent as well.
	Headers  map[string]string `yaml:"headers"`
	Trailers map[string]string `yaml:"trailers"`
}

// UnmarshalYAML reads the body alone, or a mapping.
func (s *Side) UnmarshalYAML(unmarshal func(any) error) error {
	if err := unmarshal(&s.Body); err == nil {
		return nil
	}
	type mapping Side
	return unmarshal((*mapping)(s))
}

// Rule is a rule of a pair, as a comparer written for tests reads it. Each field is empty where the rule does not say it.
type Rule struct {
	Path             string  `json:"path"`
	Header           string  `json:"header"`
	Ignore           Word    `json:"ignore"`
	Unordered        Word    `json:"unordered"`
	Number           *Number `json:"number"`
	Time             *Skew   `json:"time"`
	Key              string  `json:"key"`
	Coerce           string  `json:"coerce"`
	AbsentEqualsNull bool    `json:"absent_equals_null"`
	Rename           string  `json:"rename"`
	CSV              *CSV    `json:"csv"`
}

// Word is `true` or another word.
type Word string

// UnmarshalJSON reads a word or a boolean.
func (w *Word) UnmarshalJSON(text []byte) error {
	*w = Word(strings.Trim(string(text), `"`))
	return nil
}

// Number is a tolerance; Relative is a ratio such as 0.01, or 1%.
type Number struct{ Absolute, Relative Decimal }

// Decimal is a number or a text.
type Decimal string

// UnmarshalJSON reads a number or a text.
func (d *Decimal) UnmarshalJSON(text []byte) error {
	*d = Decimal(strings.Trim(string(text), `"`))
	return nil
}

// Skew is a tolerance for times, such as 2s.
type Skew struct{ Skew string }

// CSV says how records are read.
type CSV struct{ Header bool }

// ParsedRules returns the rules.
func (p *Pair) ParsedRules(t testing.TB) []Rule {
	t.Helper()
	text, err := json.Marshal(p.Rules)
	if err != nil {
		t.Fatal(err)
	}
	var rules []Rule
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&rules); err != nil {
		t.Fatalf("%s: %s: rules: %v", p.File, p.Name, err)
	}
	return rules
}

// Pairs reads every pair in the YAML files of a directory.
func Pairs(t testing.TB, directory string) []Pair {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pairs in %s: %v", directory, err)
	}
	var all []Pair
	names := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Type  string
			Pairs []Pair
		}
		if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range file.Pairs {
			p.File = strings.TrimSuffix(filepath.Base(name), ".yaml")
			if p.Type == "" {
				p.Type = file.Type
			}
			if names[p.File+p.Name] || p.Name == "" {
				t.Fatalf("%s: a second pair is called %q", name, p.Name)
			}
			names[p.File+p.Name] = true
			for _, s := range []*Side{&p.Old, &p.New} {
				if s.Type == "" {
					s.Type = p.Type
				}
			}
			all = append(all, p)
		}
	}
	return all
}

// Bytes returns the body as it goes over the wire.
func (s *Side) Bytes(t testing.TB) []byte {
	t.Helper()
	body := []byte(s.Body)
	if s.Hex != "" {
		var err error
		if body, err = hex.DecodeString(strings.Join(strings.Fields(s.Hex), "")); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range s.Encode {
		packed, err := pack(name, body)
		if err != nil {
			t.Fatal(err)
		}
		body = packed
	}
	return body
}

// Header returns the answer's header, with canonical names.
func (s *Side) Header() map[string][]string {
	h := map[string][]string{}
	if s.Type != "none" {
		h["Content-Type"] = []string{s.Type}
	}
	var encodings []string
	for _, name := range s.Encode {
		name, _, _ = strings.Cut(name, "-")
		encodings = append(encodings, name)
	}
	if encodings != nil {
		h["Content-Encoding"] = []string{strings.Join(encodings, ", ")}
	}
	for name, value := range s.Headers {
		h[name] = []string{value}
	}
	return h
}

func pack(name string, body []byte) ([]byte, error) {
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch name {
	case "gzip", "gzip-1", "gzip-two":
		level := gzip.BestCompression
		if name == "gzip-1" {
			level = gzip.BestSpeed
		}
		if name == "gzip-two" {
			first, err := pack("gzip", body[:len(body)/2])
			if err != nil {
				return nil, err
			}
			out.Write(first)
			body = body[len(body)/2:]
		}
		w, err = gzip.NewWriterLevel(&out, level)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "deflate-raw":
		w, err = flate.NewWriter(&out, flate.DefaultCompression)
	case "br":
		w = brotli.NewWriter(&out)
	case "zstd":
		w, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	default:
		err = fmt.Errorf("no encoding %q", name)
	}
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}
