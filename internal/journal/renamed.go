package journal

import (
	"hash/maphash"
	"net/url"
	"strings"
)

// renamed knows what has another name on the side that is written to than on the one that was: a later write that uses the recorded name
// would miss it there, or hit what another client owns. It keeps hashes, since every write may have made something.
//
// A name is found in a path, in a query to the path under which the thing was made, and, if it is long enough not to be there by chance,
// anywhere in the target and in a body that is not spooled.
type renamed struct {
	seed  maphash.Seed
	paths map[uint64]uint64 // of what was made, to the Seq of the intent that made it
	words map[uint64]uint64 // long last segments of those paths
}

func newRenamed() *renamed {
	return &renamed{seed: maphash.MakeSeed(), paths: map[uint64]uint64{}, words: map[uint64]uint64{}}
}

// longWord is the length in bytes from which on a word is taken for a name wherever it stands.
const longWord = 8

// add takes what was found to differ by the write whose intent has a number.
func (n *renamed) add(differs renames, intent uint64) {
	for _, d := range differs {
		if d.recorded == "/" {
			continue
		}
		n.paths[n.hash(d.recorded)] = intent
		if word := d.recorded[strings.LastIndexByte(d.recorded, '/')+1:]; len(word) >= longWord {
			n.words[n.hash(word)] = intent
		}
	}
}

// uses finds a write that made something which this one names by its recorded name; 0 if it names nothing of the kind.
func (n *renamed) uses(t *task) uint64 {
	if len(n.paths) == 0 {
		return 0
	}
	for at := t.path; at != ""; at = parent(at) {
		if intent, ok := n.paths[n.hash(at)]; ok {
			return intent
		}
	}
	query := queryOf(t.write.Target)
	if text, err := url.QueryUnescape(query); err == nil {
		query = text
	}
	for word := range strings.FieldsFuncSeq(query, notInWord) {
		if intent, ok := n.paths[n.hash(strings.TrimSuffix(t.path, "/")+"/"+word)]; ok {
			return intent
		}
	}
	if len(n.words) == 0 {
		return 0
	}
	for _, text := range []string{t.path, query, string(t.write.Body)} {
		for word := range strings.FieldsFuncSeq(text, notInWord) {
			if len(word) < longWord {
				continue
			}
			if intent, ok := n.words[n.hash(word)]; ok {
				return intent
			}
		}
	}
	return 0
}

func notInWord(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
}

func (n *renamed) hash(text string) uint64 { return maphash.String(n.seed, text) }
