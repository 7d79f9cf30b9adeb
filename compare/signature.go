package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Signature returns what groups mismatches: a short hash of the route and of where and how the answers differ, without indexes
// and values. The order and number of equal differences do not count.
func Signature(route string, differences []Difference) string {
	lines := make([]string, len(differences))
	for i, d := range differences {
		// No part holds a line feed or a tab: a path escapes them.
		lines[i] = strings.Join([]string{string(d.Location), GroupPath(d.Path), string(d.Kind)}, "\t")
	}
	slices.Sort(lines)
	lines = append([]string{route}, slices.Compact(lines)...)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:8])
}
