package aggregate

import (
	"errors"
	"fmt"
	"math/big"

	"paritygate/compare"
)

// distinction is what was found of two values.
type distinction struct {
	agree    bool
	variance float64
	kind     compare.Kind
	inside   []compare.Difference // where within a document; empty elsewhere
}

// differ is the distinction on values that cannot be subtracted.
func differ(kind compare.Kind) distinction { return distinction{variance: 1, kind: kind} }

// compare judges a value of old's column and one of new's, NULL apart from all else. An error means that they could not be
// compared to the end.
func (l *likeness) compare(old, new value, allowed bounds) (distinction, error) {
	switch {
	case old.null && new.null:
		return distinction{agree: true}, nil
	case old.null:
		return differ(compare.KindExtra), nil
	case new.null:
		return differ(compare.KindMissing), nil
	}
	a, oldOK := l.folds[0](old)
	b, newOK := l.folds[1](new)
	switch {
	case !oldOK || !newOK:
		return differ(compare.KindType), nil
	case a == b:
		return distinction{agree: true}, nil
	case l.weigh == nil:
		return differ(compare.KindValue), nil
	}
	return l.weigh([2]string{a, b}, allowed)
}

// weighNumbers judges numbers in plain digits. NaN and the infinities are equal to themselves alone.
func weighNumbers(forms [2]string, allowed bounds) distinction {
	a, aOK := new(big.Rat).SetString(forms[0])
	b, bOK := new(big.Rat).SetString(forms[1])
	if !aOK || !bOK {
		return differ(compare.KindValue)
	}
	d := measure(a, b)
	return distinction{agree: d.distance.Cmp(d.allowed(allowed)) <= 0, variance: d.variance(), kind: compare.KindValue}
}

// bodies compares documents by meaning, as bodies without rules are.
var bodies = func() *compare.Comparer {
	c, err := compare.New(compare.Options{})
	if err != nil {
		panic(err) // no option is set
	}
	return c
}()

var errDocument = errors.New("a JSON document is too large or too deep to compare")

func weighDocuments(forms [2]string, _ bounds) (distinction, error) {
	var answers [2]*compare.Answer
	for i, form := range forms {
		answers[i] = &compare.Answer{
			Status: 200, Header: map[string][]string{"Content-Type": {"application/json"}}, Body: []byte(form), Size: int64(len(form)),
		}
	}
	switch r := bodies.Compare(answers[0], answers[1]); r.Verdict {
	case compare.Match:
		return distinction{agree: true}, nil
	case compare.Mismatch:
		f := differ(r.Differences[0].Kind)
		if f.kind == compare.KindInvalid {
			return differ(compare.KindType), nil // a text that is no JSON
		}
		f.inside = r.Differences
		return f, nil
	case compare.Skipped, compare.Tolerated, compare.Lagged, compare.Failed:
		return distinction{}, fmt.Errorf("%w (%s)", errDocument, r.Reason)
	default:
		return distinction{}, errDocument
	}
}
