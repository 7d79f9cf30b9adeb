package journal

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/url"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// The members in which an answer may carry the id that the server made, the first that is there. They are looked for in the top-level
// object, in the object that is its member `data`, and in the only element of an array.
var idMembers = []string{"id", "_id", "uuid", "key"}

// maxMade bounds what of an answer is decoded, in bytes.
const maxMade = 1 << 20

// madeID is the id that a server may have made: that of a member of the answer's JSON; empty if there is none.
func madeID(a *Answer) string {
	if a == nil || len(a.Body) == 0 {
		return ""
	}
	body := bytes.TrimSpace(plain(a))
	for depth := 0; len(body) != 0 && depth < 3; depth++ {
		switch body[0] {
		case '[':
			var elements []json.RawMessage
			if json.Unmarshal(body, &elements) != nil || len(elements) != 1 {
				return ""
			}
			body = bytes.TrimSpace(elements[0])
		case '{':
			var members map[string]json.RawMessage
			if json.Unmarshal(body, &members) != nil {
				return ""
			}
			for _, name := range idMembers {
				if id := scalar(members[name]); id != "" {
					return id
				}
			}
			body = bytes.TrimSpace(members["data"])
		default:
			return ""
		}
	}
	return ""
}

// scalar is the text of a JSON string or number; empty of anything else.
func scalar(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	}
	if raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' {
		return string(raw)
	}
	return ""
}

// plain is the answer's body without its content coding; nil where it has one that is not known, or is too large.
func plain(a *Answer) []byte {
	var from io.Reader = bytes.NewReader(a.Body)
	switch strings.ToLower(a.Header.Get("Content-Encoding")) {
	case "", "identity":
		return a.Body
	case "gzip", "x-gzip":
		r, err := gzip.NewReader(from)
		if err != nil {
			return nil
		}
		from = r
	case "zstd":
		r, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(8*maxMade))
		if err != nil {
			return nil
		}
		defer r.Close()
		from = r
	default:
		return nil
	}
	out, err := io.ReadAll(io.LimitReader(from, maxMade+1))
	if err != nil || len(out) > maxMade {
		return nil
	}
	return out
}

// mentions reports whether the request itself has the id, so that the server did not make it.
func mentions(w *Write, id string) bool {
	return strings.Contains(w.Target, id) || bytes.Contains(w.Body, []byte(id))
}

// countedBy is the id that the answer says was made, if it looks like one of a sequence: it is a whole number. path is the request's.
func countedBy(a *Answer, path string) string {
	id := madeID(a)
	if id == "" {
		at := locationOf(a, path)
		id = at[strings.LastIndexByte(at, '/')+1:]
	}
	if len(id) > 15 || strings.Trim(id, "0123456789") != "" {
		return ""
	}
	return id
}

// rename is the path of what a server made, once when the write was first accepted and once when it was carried over.
type rename struct{ recorded, made string }

// renames are several of them, of one write.
type renames []rename

// String writes them so that parseRenames can read them: both paths, escaped.
func (c renames) String() string {
	var parts []string
	for _, d := range c {
		parts = append(parts, (&url.URL{Path: d.recorded}).EscapedPath()+became+(&url.URL{Path: d.made}).EscapedPath())
	}
	return strings.Join(parts, nextRename)
}

// What stands between the parts; in an escaped path it does not.
const (
	became     = " became "
	nextRename = ", and "
)

// parseRenames reads what String wrote; what it cannot read it leaves out.
func parseRenames(text string) renames {
	var out renames
	for part := range strings.SplitSeq(text, nextRename) {
		if recorded, made, ok := strings.Cut(part, became); ok {
			out = append(out, rename{pathOf(recorded), pathOf(made)})
		}
	}
	return out
}

// compareMade compares what two answers to a write say was made: by the path in Location, and by the id in the body, as a path below the
// request's. It is empty where they agree, or one of them does not say.
func compareMade(path string, recorded, made *Answer) renames {
	var out renames
	if was, is := locationOf(recorded, path), locationOf(made, path); was != "" && is != "" && was != is {
		out = append(out, rename{was, is})
	}
	was, is := madeID(recorded), madeID(made)
	if was == "" || is == "" || was == is {
		return out
	}
	base := strings.TrimSuffix(path, "/") + "/"
	byID := rename{pathOf(base + url.PathEscape(was)), pathOf(base + url.PathEscape(is))}
	if len(out) == 0 || out[0] != byID {
		out = append(out, byID)
	}
	return out
}
