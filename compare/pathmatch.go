package compare

// position says that the first segments of a path have matched; where all have, the path matches the place.
type position struct {
	path, segment uint16
}

// cursor follows many paths at once from the root of a document to a place in it. Each step pushes a level and pop takes it
// back, so that a walk over the document asks about every place at the cost of the paths that are still alive there.
type cursor struct {
	paths  []*Path
	active []position // of all levels, one behind the other, each in order of the paths
	starts []int      // where each level begins in active
}

// start puts the cursor on the root. Paths that are nil match nothing.
func (c *cursor) start(paths []*Path) {
	c.paths, c.active, c.starts = paths, c.active[:0], append(c.starts[:0], 0)
	for i, p := range paths {
		if p != nil {
			c.active = append(c.active, position{path: uint16(i)})
		}
	}
}

// top returns the positions at the place.
func (c *cursor) top() []position { return c.active[c.starts[len(c.starts)-1]:] }

// matched reports whether a path matches the place.
func (c *cursor) matched() bool {
	for _, p := range c.top() {
		if int(p.segment) == len(c.paths[p.path].segments) {
			return true
		}
	}
	return false
}

// alive reports whether a path may match a place beneath this one.
func (c *cursor) alive() bool {
	for _, p := range c.top() {
		if int(p.segment) < len(c.paths[p.path].segments) {
			return true
		}
	}
	return false
}

// indexed reports whether a path tells the elements of the array at this place apart.
func (c *cursor) indexed() bool {
	for _, p := range c.top() {
		s := c.paths[p.path].segments
		if int(p.segment) < len(s) && s[p.segment].selector == byIndex {
			return true
		}
	}
	return false
}

// name steps to a member.
func (c *cursor) name(name []byte) {
	c.step(func(s *segment) bool { return s.selector == byName && s.name == string(name) })
}

// index steps to an element.
func (c *cursor) index(index int) {
	c.step(func(s *segment) bool { return s.selector == byIndex && s.index == index })
}

// element steps to an element of an array whose order does not count: no index matches it.
func (c *cursor) element() {
	c.step(func(*segment) bool { return false })
}

// forget steps to where no path matches.
func (c *cursor) forget() { c.starts = append(c.starts, len(c.active)) }

// pop takes the last step back.
func (c *cursor) pop() {
	last := len(c.starts) - 1
	c.active, c.starts = c.active[:c.starts[last]], c.starts[:last]
}

func (c *cursor) step(matches func(*segment) bool) {
	from, to := c.starts[len(c.starts)-1], len(c.active)
	c.starts = append(c.starts, to)
	for i := from; i < to; i++ {
		p := c.active[i]
		segments := c.paths[p.path].segments
		if int(p.segment) == len(segments) {
			continue
		}
		s := &segments[p.segment]
		if s.descend {
			c.add(to, p)
		}
		if s.selector == byWildcard || matches(s) {
			c.add(to, position{p.path, p.segment + 1})
		}
	}
}

// add appends p to the level that begins at start unless it is there; only the positions of one path can be equal.
func (c *cursor) add(start int, p position) {
	for i := len(c.active) - 1; i >= start && c.active[i].path == p.path; i-- {
		if c.active[i] == p {
			return
		}
	}
	c.active = append(c.active, p)
}
