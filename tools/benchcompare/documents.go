package main

import (
	"fmt"
	"slices"
	"strings"
)

// writer writes a list of products of a shop, in one spelling or another.
type writer struct {
	every    int  // every so many-th scalar is spelled in another way; 0 is none
	reverse  bool // the members of every object
	indent   bool // a line for each member and element
	scalars  int
	requests string // an id in front of all
}

// scalar writes a number, string or literal.
func (w *writer) scalar(text string) string {
	if w.scalars++; w.every == 0 || w.scalars%w.every != 0 {
		return text
	}
	switch {
	case text[0] == '"':
		return fmt.Sprintf(`"\u%04x`, text[1]) + text[2:]
	case strings.ContainsAny(text, "."):
		return text + "0"
	case text[0] <= '9':
		return text + ".0"
	}
	return " " + text
}

// object writes members, given as name and value in turn.
func (w *writer) object(members ...string) string {
	var parts []string
	for member := range slices.Chunk(members, 2) {
		parts = append(parts, `"`+member[0]+`":`+member[1])
	}
	if w.reverse {
		slices.Reverse(parts)
	}
	if w.indent {
		return "{\n    " + strings.Join(parts, ",\n    ") + "\n  }"
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// listing returns a document of about size bytes if it is not indented.
func (w *writer) listing(size int) []byte {
	var items []string
	for i, n := 0, 0; n < size; i++ {
		item := w.object(
			"id", w.scalar(fmt.Sprint(100000+i)),
			"name", w.scalar(fmt.Sprintf(`"Product number %d"`, i)),
			"price", w.scalar(fmt.Sprintf("%d.95", i%500)),
			"currency", w.scalar(`"EUR"`),
			"in_stock", w.scalar("true"),
			"tags", "["+w.scalar(`"new"`)+","+w.scalar(`"summer"`)+","+w.scalar(`"sale"`)+"]",
			"seller", w.object("id", w.scalar("77"), "name", w.scalar(`"Ada & Co"`), "rating", w.scalar("4.7")),
			"updated_at", w.scalar(`"2026-05-01T10:00:00.123Z"`),
		)
		items = append(items, item)
		n += 215
	}
	return []byte(w.object("request_id", `"req-`+w.requests+`"`, "items", "["+strings.Join(items, ",")+"]"))
}

// pair is two documents of one meaning.
type pair struct {
	name     string
	old, new []byte
}

func pairsOf(size int) []pair {
	plain := func() []byte { return (&writer{requests: "1"}).listing(size) }
	return []pair{
		{"equal bytes", plain(), plain()},
		{"1 % of the leaves re-spelled", plain(), (&writer{requests: "1", every: 97}).listing(size)},
		{"all leaves re-spelled", plain(), (&writer{requests: "1", every: 1}).listing(size)},
		{"indented", plain(), (&writer{requests: "1", indent: true}).listing(size)},
		{"all keys reversed", plain(), (&writer{requests: "1", reverse: true}).listing(size)},
	}
}
