package journal

import (
	"net/http"
	"net/url"
	"strings"
)

// pathOf is the path of a target, as the client sent it, without the query, in one spelling: nothing is escaped that need not be, no
// empty segments, no dots. A backend that reads two spellings as one resource must not get two writes to it at once.
func pathOf(target string) string {
	if i := strings.Index(target, "://"); i > 0 && !strings.ContainsAny(target[:i], "/?#") { // the absolute form
		target = target[i+len("://"):]
		if i = strings.IndexAny(target, "/?#"); i < 0 {
			return "/"
		}
		target = target[i:]
	}
	if i := strings.IndexAny(target, "?#"); i >= 0 {
		target = target[:i]
	}
	if plainPath(target) {
		return target
	}
	var kept []string
	for segment := range strings.SplitSeq(target, "/") {
		if text, err := url.PathUnescape(segment); err == nil {
			segment = strings.ReplaceAll(text, "/", "%2F")
		}
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, segment)
		}
	}
	return "/" + strings.Join(kept, "/")
}

// plainPath reports whether the path is in its one spelling already.
func plainPath(p string) bool {
	if p == "/" {
		return true
	}
	return strings.HasPrefix(p, "/") && !strings.HasSuffix(p, "/") && !strings.Contains(p, "%") &&
		!strings.Contains(p, "//") && !strings.Contains(p, "/.")
}

// queryOf is the query of a target, without its question mark.
func queryOf(target string) string {
	_, query, _ := strings.Cut(target, "?")
	return query
}

// methodOf is what the backend takes the method for: a POST may say in a header that it is another one.
func methodOf(w *Write) string {
	if w.Method != http.MethodPost {
		return w.Method
	}
	for _, name := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		if v := w.Header.Get(name); v != "" {
			return strings.ToUpper(strings.TrimSpace(v))
		}
	}
	return w.Method
}

// replaces reports whether the write leaves nothing of what was below its path.
func replaces(w *Write) bool {
	m := methodOf(w)
	return m == http.MethodPut || m == http.MethodDelete
}

// resourceOf is what a write changed, as far as paths tell: its path, or, where it is a POST that made something, what it made; nothing
// if that has no path. The answer is nil where nobody knows it.
func resourceOf(w *Write, path string, a *Answer) string {
	if methodOf(w) != http.MethodPost || a == nil || a.Outcome != Acknowledged {
		return path
	}
	if a.Status == http.StatusCreated {
		return locationOf(a, path)
	}
	if id := madeID(a); id != "" && !mentions(w, id) {
		return ""
	}
	return path
}

// locationOf is the path that the answer's Location names; empty if there is none. The path is that of the request.
func locationOf(a *Answer, path string) string {
	if a == nil {
		return ""
	}
	location := a.Header.Get("Location")
	if location == "" {
		return ""
	}
	base := url.URL{Path: path}
	u, err := base.Parse(location)
	if err != nil || u.Path == "" {
		return ""
	}
	return pathOf("/" + strings.TrimPrefix(u.EscapedPath(), "/"))
}
