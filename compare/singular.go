package compare

// Step is one step of a path that names one place: to the member called Name or, where Index is not negative, to that element.
type Step struct {
	Name  string
	Index int
}

// Steps returns the steps of a path; false if the path may name several places.
func (p *Path) Steps() ([]Step, bool) {
	steps := make([]Step, 0, len(p.segments))
	for _, s := range p.segments {
		switch {
		case s.descend || s.selector == byWildcard:
			return nil, false
		case s.selector == byIndex:
			steps = append(steps, Step{Index: s.index})
		default:
			steps = append(steps, Step{Name: s.name, Index: -1})
		}
	}
	return steps, true
}
