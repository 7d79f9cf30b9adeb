package evidence

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// RealProbability is the probability that a difference is real and no noise: that new, where the two do not agree about a place, is
// oftener the one that differs than the authority asked a second time. onlyNew counts the exchanges in which only new differed
// from the authority's first answer, onlyOld those in which only its second answer did; both come of the same exchanges.
//
// If each such exchange is new's with the chance θ, and every θ is as likely before anything was seen, θ has the distribution
// Beta(onlyNew+1, onlyOld+1) afterwards, and P(θ > ½) = 1 − I_½(onlyNew+1, onlyOld+1) = I_½(onlyOld+1, onlyNew+1). It is ½ where nothing
// was seen, and where both always differ. The exchanges are those of McNemar's test ("Note on the sampling error of the difference
// between correlated proportions", 1947); the integral is the regularised incomplete beta function (DLMF 8.17).
func RealProbability(onlyNew, onlyOld int64) float64 {
	a, b := float64(max(onlyNew, 0))+1, float64(max(onlyOld, 0))+1
	if n := a + b; n > manyPairs {
		return 0.5 * math.Erfc((b-a)/n/(2*math.Sqrt(2*a*b/(n*n*(n+1))))) // the beta distribution is as good as normal
	}
	return mathext.RegIncBeta(b, a, 0.5)
}

// manyPairs is where the series of the incomplete beta function begins to lose digits.
const manyPairs = 1e6

// pairCounts are the exchanges with a second read in which a place differed: in new's answer alone, in the authority's second one
// alone, and in both.
type pairCounts struct{ onlyNew, onlyOld, both int64 }

func (c pairCounts) minus(o pairCounts) pairCounts {
	return pairCounts{c.onlyNew - o.onlyNew, c.onlyOld - o.onlyOld, c.both - o.both}
}

// proofError is the chance that a proof is wrong, however often it is looked at: that a place is ever called noise although more
// than realShare of new's differences there are its own, or ever called real although new differs there no oftener than the
// authority from itself.
const proofError = 0.01

// realShare is the share of new's differences at a place that may be new's own where the place is called noise.
const realShare = 0.2

// The stakes, as shares of what is owned: a proof holds all of them, so that some suit whatever the truth is.
var (
	noiseStakes = [...]float64{0.1, 0.25, 0.5, 0.75, 1, 1.2} // below 1/(1-realShare), or a loss would cost more than is owned
	realStakes  = [...]float64{0.1, 0.3, 0.5, 0.7, 0.9}
)

// provesNoise reports whether the authority differs from itself at a place about as often as new does from it.
//
// It is a bet against "more than realShare of new's differences are its own", that is against E[old differs] < (1 − realShare)·E[new
// differs]: each exchange pays [old differs] − (1 − realShare)·[new differs], so that nobody who bets wins on average if that is true,
// and the chance that the fortune ever grows to 1/proofError is at most proofError (Ville 1939; Waudby-Smith and Ramdas, "Estimating means
// of bounded random variables by betting", 2024). If a place always differs, 28 exchanges prove it.
func (c pairCounts) provesNoise() bool {
	return proves(noiseStakes[:], func(stake float64) float64 {
		return float64(c.both)*math.Log1p(stake*realShare) + float64(c.onlyOld)*math.Log1p(stake) +
			float64(c.onlyNew)*math.Log1p(-stake*(1-realShare))
	})
}

// provesReal reports whether new differs from the authority at a place oftener than the authority from itself: a bet, as in
// provesNoise, against "no oftener" that pays [new differs] − [old differs]. Ten exchanges of new's alone prove it.
func (c pairCounts) provesReal() bool {
	return proves(realStakes[:], func(stake float64) float64 {
		return float64(c.onlyNew)*math.Log1p(stake) + float64(c.onlyOld)*math.Log1p(-stake)
	})
}

// proves reports whether a fortune of 1, spread evenly over the stakes, has grown to 1/proofError. growth is the logarithm of what
// each share has grown to.
func proves(stakes []float64, growth func(stake float64) float64) bool {
	sum := 0.0
	for _, stake := range stakes {
		sum += math.Exp(growth(stake)) // +Inf proves it, too
	}
	return sum/float64(len(stakes)) >= 1/proofError
}
