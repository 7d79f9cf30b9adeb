package evidence

import (
	"slices"
	"strings"

	"paritygate/compare"
)

// Pair is what a second read of the authority showed beside the shadow's answer, both compared with the authority's first one by
// the same rules: as they were first found, before a mask or a recheck has its say.
type Pair struct {
	Shadow, Again compare.Result
}

// noted is one exchange's entry for a place.
type noted struct {
	key    placeKey
	counts pairCounts
}

// note works out what the pair says of each place. Of a place that one of the two comparisons could not see it says nothing.
func (p *Pair) note() []noted {
	if p == nil {
		return nil
	}
	shadow, again := placesOf(p.Shadow.Differences), placesOf(p.Again.Differences)
	var out []noted
	for k := range shadow {
		switch _, ok := again[k]; {
		case ok:
			out = append(out, noted{k, pairCounts{both: 1}})
		case !conceals(&p.Again, k):
			out = append(out, noted{k, pairCounts{onlyNew: 1}})
		}
	}
	for k := range again {
		if _, ok := shadow[k]; !ok && !conceals(&p.Shadow, k) {
			out = append(out, noted{k, pairCounts{onlyOld: 1}})
		}
	}
	return out
}

func placesOf(differences []compare.Difference) map[placeKey]struct{} {
	places := make(map[placeKey]struct{}, len(differences))
	for _, d := range differences {
		places[placeOf(d)] = struct{}{}
	}
	return places
}

// conceals reports whether a result that does not name a place may have missed it: because not all differences were kept, because
// the bodies were not compared to their end, because the statuses differ so that nothing else was compared, or because something above the
// place differs.
func conceals(r *compare.Result, k placeKey) bool {
	if r.Dropped > 0 || r.Unfinished != "" && k.location == compare.InBody {
		return true
	}
	return slices.ContainsFunc(r.Differences, func(d compare.Difference) bool {
		if d.Location == compare.InStatus {
			return k.location != compare.InStatus && classOf(d.Old) != classOf(d.New)
		}
		if d.Location == compare.InHeader && d.Path == callStatus {
			return k.location == compare.InBody || k.location == compare.InHeader && k.path == callMessage
		}
		rest, above := strings.CutPrefix(k.path, compare.GroupPath(d.Path))
		if !above || d.Location != compare.InBody || k.location != compare.InBody {
			return false
		}
		return rest == "" && depth(d.Kind) > depth(k.kind) || rest != "" && (rest[0] == '.' || rest[0] == '[')
	})
}

// The headers in which gRPC says how a call ended: where its status differs, neither its messages nor its text are compared.
const (
	callStatus  = "grpc-status"
	callMessage = "grpc-message"
)

// depth orders the kinds of difference by what is compared first at a place: its presence, its type, its value.
func depth(k compare.Kind) int {
	switch k {
	case compare.KindValue:
		return 0
	case compare.KindType:
		return 1
	case compare.KindMissing, compare.KindExtra, compare.KindInvalid:
	}
	return 2
}

func classOf(status string) string { return status[:min(len(status), 1)] }
