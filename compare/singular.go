package compare

import "fmt"

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

// ParseSteps returns the steps of a path that names one place. A path with * or .. is an error, as is one that ParsePath refuses.
func ParseSteps(path string) ([]Step, error) {
	p, err := ParsePath(path)
	if err != nil {
		return nil, err
	}
	steps, ok := p.Steps()
	if !ok {
		return nil, fmt.Errorf("path %q: must name one place: * and .. may name several", path)
	}
	return steps, nil
}
