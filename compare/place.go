package compare

import (
	"bytes"
	"strconv"
	"strings"
)

// place is where a comparison of two trees stands: in the rules, in the path that a reader is shown, and in what was found. It
// serves the formats whose places are named children, of which several may share a name.
type place struct {
	rules *ruleset
	rec   *recorder
	at    cursor
	path  []stride
	work  int // steps that are left; below 0 a limit was passed and nothing more is found
	jumps map[jump]*state
}

// jump is a step that was worked out before.
type jump struct {
	from   *state
	symbol uint32
}

// stride is one step of a path: to the children of a name, or to one of them.
type stride struct {
	name  string // empty for a step to one of them
	index int    // unindexed if there is but one
}

// unindexed says that a child is the only one of its name.
const unindexed = -1

func (p *place) start(rules *ruleset, rec *recorder) {
	p.rules, p.rec, p.work, p.path = rules, rec, maxWork, p.path[:0]
	p.at.start(rules.paths)
	rec.enter(&p.at)
}

// spend counts steps, and reports whether the comparison goes on.
func (p *place) spend(n int) bool {
	p.work -= n
	return !p.stopped()
}

// stopped reports whether the comparison is over.
func (p *place) stopped() bool { return p.work < 0 || p.rec.done() }

// enterName steps to the children of a name.
func (p *place) enterName(name string) {
	p.path = append(p.path, stride{name: name})
	p.at.name([]byte(name))
}

// enterOne steps to one of them. For the rules an index may be left out, and `[0]` also names an only child, so that one rule
// covers a list of one and of many.
func (p *place) enterOne(index int) {
	p.path = append(p.path, stride{index: index})
	symbol := other
	if p.at.indexed() {
		symbol = p.at.automaton.indexes[max(index, 0)]
	}
	p.maybe(symbol)
}

// enterAny is enterOne where the order does not count: no index matches.
func (p *place) enterAny(index int) {
	p.path = append(p.path, stride{index: index})
	p.maybe(other)
}

// leave takes the last step back.
func (p *place) leave() {
	p.path = p.path[:len(p.path)-1]
	p.at.pop()
}

// maybe steps to an element or stays: the state that it pushes holds both.
func (p *place) maybe(symbol uint32) {
	top := p.at.top()
	next := p.jumps[jump{top, symbol}]
	if next == nil {
		next = p.at.automaton.stayOrFollow(top, symbol)
		if p.jumps == nil {
			p.jumps = map[jump]*state{}
		}
		p.jumps[jump{top, symbol}] = next
	}
	p.at.jump(next)
}

// maybeIndex steps to an element or stays. It is for paths that are walked once.
func (c *cursor) maybeIndex(index int) {
	c.jump(c.automaton.stayOrFollow(c.top(), c.automaton.indexes[index]))
}

// stayOrFollow returns the state that is at s and behind s for a symbol.
func (a *automaton) stayOrFollow(s *state, symbol uint32) *state {
	if !s.alive {
		return s
	}
	var out []position
	for _, p := range s.positions {
		out = addPosition(out, p)
		if segments := a.paths[p.path].segments; int(p.segment) < len(segments) && a.accepts(&segments[p.segment], symbol) {
			out = addPosition(out, position{p.path, p.segment + 1})
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state(out)
}

func (p *place) forgive(rule int) {
	if !p.stopped() {
		p.rec.forgive(rule, len(p.rules.rules))
	}
}

// differ records a difference at the place; old and new write the values.
func (p *place) differ(kind Kind, old, new func() string) {
	if p.stopped() {
		return
	}
	d := Difference{Location: InBody, Kind: kind}
	if p.rec.keeps() {
		d.Path = p.text()
		if kind != KindExtra {
			d.Old = shorten(old())
		}
		if kind != KindMissing {
			d.New = shorten(new())
		}
	}
	p.rec.add(d)
}

// text writes the path.
func (p *place) text() string {
	out := append(make([]byte, 0, 64), '$')
	for _, s := range p.path {
		switch {
		case s.name != "":
			out = appendName(out, []byte(s.name))
		case s.index != unindexed:
			out = appendIndex(out, s.index)
		}
	}
	return string(out)
}

// try runs a comparison at the place, up to so many differences, and leaves no trace.
func (p *place) try(stop int, compare func()) recorder {
	saved := p.rec
	tried := recorder{stop: stop, origin: saved.origin}
	p.rec = &tried
	compare()
	p.rec = saved
	return tried
}

// toleratesText reports whether a rule for values allows two texts, which are read as what they say.
func (r *rule) toleratesText(old, new string) bool {
	switch r.action {
	case actTime:
		a, ok1 := textInstant(old)
		b, ok2 := textInstant(new)
		return ok1 && ok2 && a.within(b, r.skew)
	case actCoerce:
		a, ok1 := strictDecimal(old)
		b, ok2 := strictDecimal(new)
		return ok1 && ok2 && a.equal(b)
	case actNumber:
		a, ok1 := textDecimal(old)
		b, ok2 := textDecimal(new)
		return ok1 && ok2 && a.within(b, r.absolute, r.relative)
	default:
		return false
	}
}

// textDecimal reads a text as a number. White space around it and a plus sign are what schemas of XML allow too.
func textDecimal(text string) (decimal, bool) {
	return strictDecimal(strings.TrimPrefix(strings.Trim(text, " \t\r\n"), "+"))
}

// strictDecimal reads a text as a number as JSON writes it.
func strictDecimal(text string) (decimal, bool) {
	b := []byte(text)
	if len(b) == 0 || scanNumber(b, 0) != len(b) {
		return decimal{}, false
	}
	return parseDecimal(b), true
}

// textInstant reads a text as a point in time: RFC 3339, or Unix seconds.
func textInstant(text string) (instant, bool) {
	trimmed := strings.Trim(text, " \t\r\n")
	if t, ok := parseInstant([]byte(trimmed)); ok {
		return t, true
	}
	d, ok := textDecimal(trimmed)
	if !ok {
		return instant{}, false
	}
	return unixInstant(d)
}

// quotedNames writes names as a JSON array, up to what a Difference shows.
func quotedNames(names []string) string {
	var out bytes.Buffer
	out.WriteByte('[')
	for i, name := range names {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(strconv.Quote(name))
		if out.Len() > maxShown {
			break
		}
	}
	out.WriteByte(']')
	return out.String()
}
