package compare

// origin is the place of a body within another one: of a part within a multipart body. Nil is the whole body.
type origin struct {
	above *origin
	index int
	path  string // from `$`
}

// part returns the place of the part at an index of the body at o.
func (o *origin) part(index int) *origin {
	path := []byte("$")
	if o != nil {
		path = []byte(o.path)
	}
	return &origin{above: o, index: index, path: string(appendIndex(path, index))}
}

// enter steps from the root to the place.
func (o *origin) enter(c *cursor) {
	if o != nil {
		o.above.enter(c)
		c.index(o.index)
	}
}

// place returns the path of a place within the body at o, which is written as if that body were all.
func (o *origin) place(path string) string {
	switch {
	case o == nil:
		return path
	case path == "":
		return o.path
	}
	return o.path + path[len("$"):]
}

// enter steps with a cursor that was just started to the place of the bodies that are compared.
func (r *recorder) enter(c *cursor) { r.origin.enter(c) }

// depth returns in how many bodies the one at o lies.
func (o *origin) depth() int {
	if o == nil {
		return 0
	}
	return 1 + o.above.depth()
}
