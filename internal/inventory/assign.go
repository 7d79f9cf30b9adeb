package inventory

import "math"

// assign gives each row at most one column, such that the scores add up to the most; -1 is none. Scores below the threshold
// are never taken.
func assign(scores [][]float64, threshold float64) []int {
	if len(scores) == 0 {
		return nil
	}
	n := max(len(scores), len(scores[0]))
	cost := func(i, j int) float64 {
		if i < len(scores) && j < len(scores[i]) && scores[i][j] >= threshold {
			return -scores[i][j]
		}
		return 0 // nothing is gained by what is not taken
	}
	row := hungarian(n, cost)
	out := make([]int, len(scores))
	for i := range out {
		if out[i] = -1; cost(i, row[i]) < 0 {
			out[i] = row[i]
		}
	}
	return out
}

// hungarian is the assignment of n rows to n columns that costs the least, by shortest augmenting paths in O(n³).
func hungarian(n int, cost func(i, j int) float64) []int {
	// Rows and columns count from 1; 0 is the row that is being placed.
	u, v := make([]float64, n+1), make([]float64, n+1)
	owner, way := make([]int, n+1), make([]int, n+1)
	for i := 1; i <= n; i++ {
		owner[0] = i
		at := 0
		least := make([]float64, n+1)
		for j := range least {
			least[j] = math.Inf(1)
		}
		used := make([]bool, n+1)
		for owner[at] != 0 {
			used[at] = true
			delta, next := math.Inf(1), 0
			for j := 1; j <= n; j++ {
				if used[j] {
					continue
				}
				if c := cost(owner[at]-1, j-1) - u[owner[at]] - v[j]; c < least[j] {
					least[j], way[j] = c, at
				}
				if least[j] < delta {
					delta, next = least[j], j
				}
			}
			for j := 0; j <= n; j++ {
				if used[j] {
					u[owner[j]] += delta
					v[j] -= delta
				} else {
					least[j] -= delta
				}
			}
			at = next
		}
		for at != 0 {
			owner[at] = owner[way[at]]
			at = way[at]
		}
	}
	out := make([]int, n)
	for j := 1; j <= n; j++ {
		out[owner[j]-1] = j - 1
	}
	return out
}
