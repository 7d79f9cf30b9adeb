package config

import (
	"maps"
	"slices"
	"strings"
)

// field is one key of a section.
type field struct {
	key      string
	codec    codec
	required bool
}

func opt(key string, c codec) field  { return field{key: key, codec: c} }
func need(key string, c codec) field { return field{key: key, codec: c, required: true} }

// object is a mapping with known keys. The keys in later belong to the specification, but not to this version.
type object struct {
	fields []field
	later  []string
}

func section(fields ...field) object { return object{fields: fields} }

// without names keys that a later version will have.
func (o object) without(later ...string) object {
	o.later = later
	return o
}

func (o object) decode(d *decoder, n *node, path string) {
	d.places[path] = place{line: n.line, column: n.column}
	switch n.kind {
	case invalid:
		d.mark(path)
		return
	case mapping, null: // a section whose keys are all commented out is empty
	default:
		d.fail(n, path, "must be a mapping with the %s; got %s", o.keys(), n.describe())
		return
	}
	seen := map[string]int{}
	for _, e := range n.entries {
		at := join(path, e.key)
		if line, ok := seen[e.key]; ok {
			d.failAt(e.line, e.column, at, "is given twice; the first time in line %d", line)
			continue
		}
		seen[e.key] = e.line
		if f := o.find(e.key); f != nil {
			f.codec.decode(d, e.value, at)
			continue
		}
		d.failAt(e.line, e.column, at, "%s", o.unknown(e.key))
	}
	for _, f := range o.fields {
		if _, ok := seen[f.key]; f.required && !ok {
			d.missing(n, join(path, f.key), f.codec)
		}
	}
}

// missing reports a required key; of a section, rather what is required in it.
func (d *decoder) missing(n *node, path string, c codec) {
	before := len(d.problems)
	if o, ok := c.(object); ok {
		for _, f := range o.fields {
			if f.required {
				d.missing(n, join(path, f.key), f.codec)
			}
		}
	}
	if len(d.problems) == before {
		d.fail(n, path, "is required")
	}
}

func (o object) find(key string) *field {
	for i := range o.fields {
		if o.fields[i].key == key {
			return &o.fields[i]
		}
	}
	return nil
}

func (o object) unknown(key string) string {
	if slices.Contains(o.later, key) {
		return "is not part of this version; remove it"
	}
	var keys []string
	for _, f := range o.fields {
		keys = append(keys, f.key)
	}
	if near := nearest(key, keys); near != "" {
		return "is not a known key; did you mean " + near + "?"
	}
	if len(keys) == 1 {
		return "is not a known key; the one here is " + keys[0]
	}
	return "is not a known key; the keys here are " + enumerate(keys, "and")
}

// keys names them, as "key header" or "keys old and new".
func (o object) keys() string {
	var keys []string
	for _, f := range o.fields {
		keys = append(keys, f.key)
	}
	if len(keys) == 1 {
		return "key " + keys[0]
	}
	return "keys " + enumerate(keys, "and")
}

func (o object) encode(e *encoder, path string) (value, bool) {
	v := value{kind: mapping}
	for _, f := range o.fields {
		if inner, ok := f.codec.encode(e, join(path, f.key)); ok {
			v.entries = append(v.entries, pair{f.key, inner})
		}
	}
	return v, true
}

// listOf is a list of T.
type listOf[T any] struct {
	p    *[]T
	make func() T
	item func(*T) codec
	// key, if set, must differ between the items; in is the field that it stands in, empty for the item itself.
	key func(*T) string
	in  string
	// unset makes nil mean something else than an empty list.
	unset bool
}

func (l listOf[T]) decode(d *decoder, n *node, path string) {
	d.places[path] = place{line: n.line, column: n.column}
	switch n.kind {
	case invalid:
		d.mark(path)
		return
	case list, null:
	default:
		d.fail(n, path, "must be a list; got %s", n.describe())
		return
	}
	items := make([]T, 0, len(n.items))
	seen := map[string]int{}
	for i, item := range n.items {
		var t T
		if l.make != nil {
			t = l.make()
		}
		at := index(path, i)
		l.item(&t).decode(d, item, at)
		items = append(items, t)
		if l.key == nil {
			continue
		}
		field := at
		if l.in != "" {
			field = join(at, l.in)
		}
		if k := l.key(&t); k != "" && d.ok(field) {
			if first, ok := seen[k]; ok {
				d.contradict(field, "must be unique; %s is %q too", strings.Replace(field, at, index(path, first), 1), shorten(k))
				continue
			}
			seen[k] = i
		}
	}
	*l.p = items
}

func (l listOf[T]) encode(e *encoder, path string) (value, bool) {
	if l.unset && *l.p == nil {
		return value{}, false
	}
	v := value{kind: list}
	for i := range *l.p {
		if inner, ok := l.item(&(*l.p)[i]).encode(e, index(path, i)); ok {
			v.items = append(v.items, inner)
		}
	}
	return v, true
}

// dict is a mapping whose keys are the user's.
type dict[T any] struct {
	p *map[string]T
	// key returns the key as it is kept, or what is wrong with it.
	key  func(string) (string, string)
	item func(*T) codec
	// unset leaves out what is nil.
	unset bool
}

func (m dict[T]) decode(d *decoder, n *node, path string) {
	d.places[path] = place{line: n.line, column: n.column}
	switch n.kind {
	case invalid:
		d.mark(path)
		return
	case mapping, null:
	default:
		d.fail(n, path, "must be a mapping; got %s", n.describe())
		return
	}
	items := make(map[string]T, len(n.entries))
	for _, e := range n.entries {
		key, problem := m.key(e.key)
		at := join(path, key)
		if problem != "" {
			d.failAt(e.line, e.column, join(path, e.key), "%s", problem)
			continue
		}
		if _, ok := items[key]; ok {
			d.failAt(e.line, e.column, at, "is given twice")
			continue
		}
		var t T
		m.item(&t).decode(d, e.value, at)
		items[key] = t
	}
	*m.p = items
}

func (m dict[T]) encode(e *encoder, path string) (value, bool) {
	if m.unset && *m.p == nil {
		return value{}, false
	}
	v := value{kind: mapping}
	for _, key := range slices.Sorted(maps.Keys(*m.p)) {
		t := (*m.p)[key]
		if inner, ok := m.item(&t).encode(e, join(path, key)); ok {
			v.entries = append(v.entries, pair{key, inner})
		}
	}
	return v, true
}

// optional is a field that may be nil.
type optional[T any] struct {
	p    **T
	make func() T
	item func(*T) codec
}

func (o optional[T]) decode(d *decoder, n *node, path string) {
	var t T
	if o.make != nil {
		t = o.make()
	}
	c := o.item(&t)
	if _, ok := c.(object); ok && n.kind == null {
		return
	}
	c.decode(d, n, path)
	*o.p = &t
}

func (o optional[T]) encode(e *encoder, path string) (value, bool) {
	if *o.p == nil {
		return value{}, false
	}
	return o.item(*o.p).encode(e, path)
}

// sparse is a field that is left out of the effective configuration while it has its zero value, because then another
// field stands in its place.
type sparse[T comparable] struct {
	p *T
	codec
}

func (s sparse[T]) encode(e *encoder, path string) (value, bool) {
	var zero T
	if *s.p == zero {
		return value{}, false
	}
	return s.codec.encode(e, path)
}

// perhaps is a section that is left out of the effective configuration while what must be in it is empty.
type perhaps struct {
	p *Secret
	object
}

func (s perhaps) encode(e *encoder, path string) (value, bool) {
	if *s.p == "" {
		return value{}, false
	}
	return s.object.encode(e, path)
}
