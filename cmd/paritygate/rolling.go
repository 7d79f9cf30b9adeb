package main

import "time"

// rolling tells what was added within a window: it remembers what the totals were, twenty times in the length of the window. It covers
// the window and up to a twentieth more, or all since it was begun.
type rolling[T interface{ Minus(T) T }] struct {
	length time.Duration
	marks  []mark[T]
}

type mark[T any] struct {
	at    time.Time
	total T
}

// rollingSteps is how finely a window moves.
const rollingSteps = 20

func (r *rolling[T]) begin(now time.Time, total T) {
	r.marks = append(r.marks[:0], mark[T]{now, total})
}

// within takes the totals of this moment and returns what was added within the window.
func (r *rolling[T]) within(now time.Time, total T) T {
	if len(r.marks) == 0 {
		r.begin(now, total)
	}
	past := 0
	for past+1 < len(r.marks) && now.Sub(r.marks[past+1].at) >= r.length {
		past++
	}
	r.marks = r.marks[:copy(r.marks, r.marks[past:])]
	if now.Sub(r.marks[len(r.marks)-1].at) >= r.length/rollingSteps {
		r.marks = append(r.marks, mark[T]{now, total})
	}
	return total.Minus(r.marks[0].total)
}
