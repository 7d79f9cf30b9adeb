package admin

import (
	"encoding/json"
	"net/http"
	"strings"

	"go.uber.org/zap"
)

// secure sets the headers that keep a browser from doing anything with an answer but show it.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// writeJSON encodes before it sends, so that a value that cannot be encoded is a 500 and no half answer.
func (s *server) writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.log.Error("encode answer", zap.String("path", r.URL.Path), zap.Error(err))
		status = http.StatusInternalServerError
		body = []byte(`{"error":{"code":"internal","message":"the answer could not be encoded; the log says why"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		s.log.Debug("client left before its answer", zap.String("path", r.URL.Path), zap.Error(err))
	}
}

// fail answers with an error: a page for a person who follows links in the console, JSON for everybody else.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(err)
	if e.Code == CodeInternal {
		s.log.Error("admin call failed", zap.String("path", r.URL.Path), zap.Error(e.Err))
	}
	if e.Code == CodeUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="paritygate"`)
	}
	if wantsPage(r) {
		s.errorPage(w, r, e)
		return
	}
	var body errorBody
	body.Error.Code, body.Error.Message = e.Code, e.Error()
	if e.Report != nil {
		report := tidyReport(*e.Report)
		body.Report = &report
	}
	s.writeJSON(w, r, e.Code.httpStatus(), body)
}

// wantsPage reports whether a browser navigates, rather than a program calls.
func wantsPage(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/v1/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}
