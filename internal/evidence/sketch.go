package evidence

import (
	"fmt"

	"github.com/DataDog/sketches-go/ddsketch"
)

// Bounds of the sketches: 1 % of relative error in at most 2048 bins, which reach over 17 decades.
const (
	sketchAccuracy = 0.01
	sketchBins     = 2048
)

// sketch is a mergeable summary of durations in seconds. The zero value is empty and ready.
type sketch struct{ dd *ddsketch.DDSketch }

func (s *sketch) add(seconds float64) error {
	if err := s.init(); err != nil {
		return err
	}
	return s.dd.Add(seconds)
}

func (s *sketch) init() (err error) {
	if s.dd == nil {
		s.dd, err = ddsketch.LogCollapsingLowestDenseDDSketch(sketchAccuracy, sketchBins)
	}
	return err
}

// merge adds what the other has seen.
func (s *sketch) merge(other sketch) error {
	if other.dd == nil {
		return nil
	}
	if err := s.init(); err != nil {
		return err
	}
	return s.dd.MergeWith(other.dd)
}

// at returns the duration at the quantile, 0 if nothing was added.
func (s *sketch) at(quantile float64) float64 {
	if s.dd == nil {
		return 0
	}
	v, err := s.dd.GetValueAtQuantile(quantile)
	if err != nil { // it is empty
		return 0
	}
	return v
}

func (s *sketch) quantiles() Quantiles { return Quantiles{P50: s.at(0.5), P99: s.at(0.99)} }

func (s *sketch) encode() []byte {
	b := []byte{}
	if s.dd != nil {
		s.dd.Encode(&b, false)
	}
	return b
}

func decodeSketch(b []byte) (sketch, error) {
	if len(b) == 0 {
		return sketch{}, nil
	}
	var s sketch
	if err := s.init(); err != nil {
		return sketch{}, err
	}
	if err := s.dd.DecodeAndMergeWith(b); err != nil { // of another accuracy, or damaged
		return sketch{}, fmt.Errorf("latency sketch: %w", err)
	}
	return s, nil
}
