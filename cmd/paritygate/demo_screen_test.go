package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"paritygate/compare"
	"paritygate/internal/admin"
	"paritygate/internal/demo"
)

func TestScreenWraps(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(system{out: &out, lookup: func(string) (string, bool) { return "", false }})
	text := strings.Repeat("some words that go on and on, ", 20)
	s.say("%s", text)
	s.step("%s", text)
	s.good("%s", text)
	s.facts("short", text, "a longer name", text)
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > demoWidth || !strings.HasPrefix(line, "   ") {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("coloured, though this is no terminal")
	}
	if got := strings.Count(strings.Join(strings.Fields(out.String()), " "), "some words"); got != 100 {
		t.Errorf("%d of 100 words are there", got)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := number(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		1500 * time.Microsecond: "1.5 ms", 250 * time.Millisecond: "250 ms", 2500 * time.Millisecond: "2.5 s",
	} {
		if got := span(d); got != want {
			t.Errorf("%s is written %s, want %s", d, got, want)
		}
	}
}

func TestFaultBehind(t *testing.T) {
	place := func(location compare.Location, path string) admin.Place {
		return admin.Place{Location: location, Path: path}
	}
	for _, c := range []struct {
		route  string
		places []admin.Place
		want   string
	}{
		{"product", []admin.Place{place(compare.InBody, "$.product.price")}, "price"},
		{"search", []admin.Place{place(compare.InBody, "$.results[].price")}, "price"},
		{"product", []admin.Place{place(compare.InBody, "$.product")}, "row"},
		{"product", []admin.Place{place(compare.InStatus, ""), place(compare.InBody, "$.product")}, "status"},
		{"products", []admin.Place{place(compare.InBody, "$.items[].price"), place(compare.InBody, "$.items[].id")}, "order"},
		{"stats", []admin.Place{place(compare.InBody, "$.average")}, ""},
	} {
		var g admin.Group
		g.Route, g.Differences = c.route, c.places
		if got := faultBehind(g); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.route, c.places, got, c.want)
		}
	}
}

func TestHeldDuring(t *testing.T) {
	begin := time.Unix(1000, 0)
	end := begin.Add(time.Second)
	sent := []demo.SentWrite{
		{Started: begin.Add(-time.Minute), Duration: time.Second},             // over before
		{Started: begin.Add(-time.Second), Duration: 1200 * time.Millisecond}, // drained
		{Started: begin.Add(time.Second / 2), Duration: 3 * time.Second},      // held
		{Started: end.Add(time.Millisecond), Duration: time.Minute},           // after
	}
	if n, longest := heldDuring(sent, begin, end); n != 2 || longest != 3*time.Second {
		t.Errorf("%d held, the longest %s", n, longest)
	}
}
