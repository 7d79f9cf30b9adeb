package admin

// maxAlignCells bounds the table of the longest common subsequence, in cells of four bytes.
const maxAlignCells = 4 << 20

// align pairs the lines of two bodies by their keys, so that as many as possible have a counterpart. Bodies too different and
// too large for that are paired line by line.
func align(old, new []line) []pair {
	var pairs, tail []pair
	for len(old) > 0 && len(new) > 0 && old[0].key == new[0].key {
		pairs = append(pairs, pair{&old[0], &new[0]})
		old, new = old[1:], new[1:]
	}
	for len(old) > 0 && len(new) > 0 && old[len(old)-1].key == new[len(new)-1].key {
		tail = append(tail, pair{&old[len(old)-1], &new[len(new)-1]})
		old, new = old[:len(old)-1], new[:len(new)-1]
	}
	if (len(old)+1)*(len(new)+1) > maxAlignCells {
		pairs = append(pairs, zip(old, new)...)
	} else {
		pairs = append(pairs, subsequence(old, new)...)
	}
	for i := len(tail) - 1; i >= 0; i-- {
		pairs = append(pairs, tail[i])
	}
	return pairs
}

// subsequence pairs along the longest common subsequence of keys.
func subsequence(old, new []line) []pair {
	wide := len(new) + 1
	longest := make([]int32, (len(old)+1)*wide) // of old[i:] and new[j:]
	for i := len(old) - 1; i >= 0; i-- {
		for j := len(new) - 1; j >= 0; j-- {
			if old[i].key == new[j].key {
				longest[i*wide+j] = longest[(i+1)*wide+j+1] + 1
			} else {
				longest[i*wide+j] = max(longest[(i+1)*wide+j], longest[i*wide+j+1])
			}
		}
	}
	var pairs []pair
	i, j := 0, 0
	for i < len(old) || j < len(new) {
		switch {
		case i < len(old) && j < len(new) && old[i].key == new[j].key:
			pairs = append(pairs, pair{&old[i], &new[j]})
			i, j = i+1, j+1
		case j == len(new) || i < len(old) && longest[(i+1)*wide+j] >= longest[i*wide+j+1]:
			pairs = append(pairs, pair{old: &old[i]})
			i++
		default:
			pairs = append(pairs, pair{new: &new[j]})
			j++
		}
	}
	return pairs
}

// zip pairs line by line.
func zip(old, new []line) []pair {
	pairs := make([]pair, max(len(old), len(new)))
	for i := range pairs {
		if i < len(old) {
			pairs[i].old = &old[i]
		}
		if i < len(new) {
			pairs[i].new = &new[i]
		}
	}
	return pairs
}

// zipGaps puts lines that have no counterpart next to each other: in text, a changed line is one gone and one come.
func zipGaps(pairs []pair) []pair {
	var out []pair
	var old, new []line
	flush := func() {
		out = append(out, zip(old, new)...)
		old, new = nil, nil
	}
	for _, p := range pairs {
		switch {
		case p.new == nil:
			old = append(old, *p.old)
		case p.old == nil:
			new = append(new, *p.new)
		default:
			flush()
			out = append(out, p)
		}
	}
	flush()
	return out
}
