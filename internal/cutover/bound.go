package cutover

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// prior is a = b = ½ of the Beta mixture (Jeffreys).
const prior = 0.5

// Bound judges a rate from a stream of independent good and bad units, and stays valid however often it is looked at: the
// chance that it ever says Pass while the true rate is above the tolerance is at most 1 − confidence, and the same for Fail.
//
// It is the test martingale (e-process) of a Beta(½, ½) mixture truncated at the tolerance p0:
//
//	ln E = lnB(a+k, b+n−k) − lnB(a,b) + ln I_p0(a+k, b+n−k) − ln I_p0(a,b) − k·ln p0 − (n−k)·ln(1−p0)
//
// Robbins, "Statistical methods related to the law of the iterated logarithm" (1970); Howard, Ramdas, McAuliffe and Sekhon,
// "Time-uniform, nonparametric, nonasymptotic confidence sequences" (2021).
type Bound struct {
	// Confidence is 1 − α, between 0 and 1.
	Confidence float64
}

// Judge says whether bad of n units are proof of a rate below (Pass) or above (Fail) the tolerance, a ratio.
func (b Bound) Judge(n, bad int64, tolerance float64) Verdict {
	if n <= 0 || bad < 0 || bad > n || !(b.Confidence > 0 && b.Confidence < 1) || math.IsNaN(tolerance) {
		return Inconclusive // nothing, or nothing that could be
	}
	if tolerance >= 1 {
		return Pass
	}
	if tolerance <= 0 {
		if bad > 0 {
			return Fail
		}
		return Inconclusive // no number of good answers proves a rate of exactly zero
	}
	limit := -math.Log(1 - b.Confidence)
	if logE(n, bad, tolerance, below) >= limit {
		return Pass
	}
	if logE(n, bad, tolerance, above) >= limit {
		return Fail
	}
	return Inconclusive
}

// Upper returns the smallest rate, a ratio, that bad of n units rule out at the confidence; 1 if nothing was seen.
func (b Bound) Upper(n, bad int64) float64 {
	if n <= 0 || bad < 0 || bad >= n || !(b.Confidence > 0 && b.Confidence < 1) {
		return 1
	}
	limit := -math.Log(1 - b.Confidence)
	low, high := float64(bad)/float64(n), 1.0
	for range 60 {
		mid := (low + high) / 2
		if logE(n, bad, mid, below) >= limit {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

type side bool

const (
	below side = false
	above side = true
)

// logE is ln E of the mixture over the rates below p0, or above it.
func logE(n, k int64, p0 float64, of side) float64 {
	a, b := prior+float64(k), prior+float64(n-k)
	return mathext.Lbeta(a, b) - mathext.Lbeta(prior, prior) +
		logMass(a, b, p0, of) - logMass(prior, prior, p0, of) -
		float64(k)*math.Log(p0) - float64(n-k)*math.Log1p(-p0)
}

// logMass is the logarithm of the share of Beta(a, b) that lies below p0, or above it.
func logMass(a, b, p0 float64, of side) float64 {
	mass := mathext.RegIncBeta(a, b, p0)
	if of == above {
		mass = mathext.RegIncBeta(b, a, 1-p0)
	}
	if !(mass >= smallestNormal) {
		return math.Inf(-1)
	}
	return math.Log(mass)
}

// smallestNormal is the least float64 of full precision. Below it math.Log is wrong by more than ten on amd64, which would let
// overwhelming evidence against a rate pass for evidence of it; no mass at all is the conservative answer on both sides.
const smallestNormal = 0x1p-1022
