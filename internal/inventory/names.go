package inventory

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// words are the parts of a name: orderItems and order_items have the same. The plural is not told from the singular.
func words(name string) []string {
	var out []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			out = append(out, singular(word.String()))
		}
		word.Reset()
	}
	lower := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
		case unicode.IsUpper(r) && lower:
			flush()
			word.WriteRune(unicode.ToLower(r))
		default:
			word.WriteRune(unicode.ToLower(r))
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
	}
	flush()
	return out
}

func singular(word string) string {
	switch {
	case len(word) > 4 && strings.HasSuffix(word, "ies"):
		return strings.TrimSuffix(word, "ies") + "y"
	case len(word) > 3 && strings.HasSuffix(word, "s") && !strings.HasSuffix(word, "ss") && !strings.HasSuffix(word, "us"):
		return strings.TrimSuffix(word, "s")
	}
	return word
}

// name is a name with what is needed to compare it.
type name struct {
	text  string
	full  string // with the schema, if it has one
	words []string
	fold  string
}

func newName(schema, text string) name {
	w := words(text)
	return name{text: text, full: schema + "." + text, words: w, fold: strings.Join(w, "_")}
}

// like is how alike two names are, from 0 to 1; 1 is the same but for case, plural and how words are joined.
func (n name) like(other name) float64 {
	if n.fold == other.fold {
		return 1
	}
	longest := max(utf8.RuneCountInString(n.fold), utf8.RuneCountInString(other.fold))
	letters := 1 - float64(distance([]rune(n.fold), []rune(other.fold)))/float64(max(longest, 1))
	common := 0
	for _, w := range n.words {
		for _, v := range other.words {
			if w == v {
				common++
				break
			}
		}
	}
	return min(max(letters, 2*float64(common)/float64(max(len(n.words)+len(other.words), 1))), 0.99)
}

// distance is the number of letters to insert, delete or replace to make b from a.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost = 1 + min(diagonal, row[j], row[j-1])
			}
			diagonal, row[j] = row[j], cost
		}
	}
	return row[len(b)]
}
