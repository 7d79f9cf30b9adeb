package admin

import (
	"fmt"
	"math"
	"strings"
	"unicode"
)

// surelyReal is the probability from which on a group is called real without more words.
const surelyReal = 0.95

// Cause says in a few words how likely the group is real.
func (e Explanation) Cause() string {
	switch {
	case !e.Measured():
		return "not measured"
	case *e.Real == 1:
		return "real"
	case e.Noise:
		return "noise: old differs from itself here as often"
	case e.Sure():
		return e.Share() + " real"
	}
	reads := "second reads"
	if e.SecondReads == 1 {
		reads = "second read"
	}
	return fmt.Sprintf("%s real: undecided after %d %s of the route", e.Share(), e.SecondReads, reads)
}

// Measured reports whether there is anything to judge by.
func (e Explanation) Measured() bool { return e.Real != nil }

// Sure reports whether the group is so likely real that no more words are needed.
func (e Explanation) Sure() bool { return e.Measured() && *e.Real >= surelyReal }

// Share is the probability in whole percent; a dash where nothing was measured.
func (e Explanation) Share() string {
	if !e.Measured() {
		return "–"
	}
	return Share(*e.Real)
}

// Share is a probability in whole percent, which is never rounded up to certainty.
func Share(probability float64) string {
	if probability > 0.99 {
		return "over 99 %"
	}
	return fmt.Sprintf("%.0f %%", math.Floor(probability*100))
}

// comment writes a text so that it ends with its line, however a reader of YAML ends lines.
func comment(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}

// Paste is the proposals as lines of YAML, to be put before the rules that the first line names; what else is to be said is in comments.
func (e Explanation) Paste() string {
	var b strings.Builder
	where := ""
	for _, p := range e.Proposals {
		if p.Rule == "" {
			continue
		}
		if p.Where != where {
			where = p.Where
			fmt.Fprintf(&b, "# %s, before what is there\n", where)
		}
		fmt.Fprintf(&b, "- %s # hides %s\n", p.Rule, comment(p.Reason))
	}
	for _, p := range e.Proposals {
		if p.Rule == "" {
			fmt.Fprintf(&b, "# no rule for %s: %s\n", comment(placesText(p.Places)), comment(p.Reason))
		}
	}
	return b.String()
}

// placesText lists places in one line, the kind of difference left out.
func placesText(places []Place) string {
	var names []string
	for _, p := range places {
		if name := strings.TrimSpace(string(p.Location) + " " + p.Path); len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	if len(names) > manyPlaces {
		names = append(names[:manyPlaces:manyPlaces], fmt.Sprintf("%d more", len(names)-manyPlaces))
	}
	return strings.Join(names, ", ")
}
