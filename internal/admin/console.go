package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"

	"go.uber.org/zap"
)

//go:embed console
var consoleFiles embed.FS

// console holds the parsed pages and the files that they need.
type console struct {
	pages  map[string]*template.Template
	assets map[string]asset
}

// asset is a static file. Its tag changes with its content, so a browser asks again but rarely loads again.
type asset struct {
	body        []byte
	contentType string
	tag         string
}

var pageNames = []string{"overview", "routes", "mismatches", "mismatch", "checks", "events", "event", "login", "error"}

func newConsole() (*console, error) {
	c := &console{pages: map[string]*template.Template{}, assets: map[string]asset{}}
	for _, name := range pageNames {
		files := []string{"console/templates/layout.html", "console/templates/" + name + ".html"}
		t, err := template.New("layout.html").Funcs(templateFuncs).ParseFS(consoleFiles, files...)
		if err != nil {
			return nil, fmt.Errorf("console page %s: %w", name, err)
		}
		c.pages[name] = t
	}
	for _, dir := range []string{"console/static", "console/vendor"} {
		if err := c.load(dir); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *console) load(dir string) error {
	entries, err := fs.ReadDir(consoleFiles, dir)
	if err != nil {
		return fmt.Errorf("console files: %w", err)
	}
	for _, e := range entries {
		body, err := consoleFiles.ReadFile(path.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("console files: %w", err)
		}
		contentType := mime.TypeByExtension(path.Ext(e.Name()))
		if contentType == "" {
			contentType = "text/plain; charset=utf-8"
		}
		sum := sha256.Sum256(body)
		c.assets[e.Name()] = asset{body, contentType, `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	return nil
}

func (s *server) consoleRoutes(t *table) {
	for pattern, page := range map[string]page{
		"GET /{$}":             s.overview,
		"GET /routes":          s.routesPage,
		"GET /mismatches":      s.mismatchesPage,
		"GET /mismatches/{id}": s.mismatchPage,
		"GET /checks":          s.checksPage,
		"GET /events":          s.eventsPage,
		"GET /events/{seq}":    s.eventPage,
	} {
		t.handle(pattern, s.permitted(Viewer, s.render(page)))
	}
	t.handle("GET /console/history", s.permitted(Viewer, s.answer(s.getHistory)))
	t.handle("GET /console/assets/{name}", s.asset)
	t.handle("GET /login", s.loginPage)
	t.handle("POST /login", s.login)
	t.handle("POST /logout", s.logout)
}

// asset serves a static file. It needs no token: the files are the same in every copy of the program.
func (s *server) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := s.console.assets[r.PathValue("name")]
	if !ok {
		s.unknownPath(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", a.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}

func (s *server) getHistory(r *http.Request) (any, error) {
	return map[string][]Point{"points": s.history.Points(r.Context())}, nil
}

// view is what every page is made from.
type view struct {
	Page     string // names the template, and the entry of the navigation that is marked
	Title    string
	Who      identity
	SignedIn bool // by a session that can be ended
	Status   Status
	Now      time.Time
	Data     any
}

// Operator reports whether the buttons that change things are shown.
func (v view) Operator() bool { return v.Who.role == Operator }

// User names who is looking.
func (v view) User() string { return v.Who.name }

// Role is the role of who is looking.
func (v view) Role() Role { return v.Who.role }

// page gathers what one page shows.
type page func(r *http.Request) (view, error)

// render answers with the whole page, or to htmx with the part that is alive.
func (s *server) render(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := p(r)
		if err == nil {
			v.Status, err = s.status(r)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		v.Who, v.SignedIn, v.Now = who(r), !s.users.none(), time.Now().UTC()
		name := "layout.html"
		switch r.Header.Get("HX-Target") {
		case "live":
			name = "fragment"
		case "actions":
			name = "actions"
		}
		w.Header().Set("Vary", "HX-Target")
		s.writePage(w, r, http.StatusOK, name, v)
	}
}

// writePage renders before it sends, so that a template that fails is a 500 and no half page.
func (s *server) writePage(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	var body bytes.Buffer
	if err := s.console.pages[v.Page].ExecuteTemplate(&body, name, v); err != nil {
		s.log.Error("render console page", zap.String("page", v.Page), zap.Error(err))
		http.Error(w, "the page could not be made; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if _, err := body.WriteTo(w); err != nil {
		s.log.Debug("client left before its page", zap.String("path", r.URL.Path), zap.Error(err))
	}
}

func (s *server) renderLogin(w http.ResponseWriter, r *http.Request, status int, next, problem string) {
	if s.users.none() {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	s.writePage(w, r, status, "layout.html", view{Page: "login", Title: "Sign in", Data: struct{ Next, Problem string }{next, problem}})
}

func (s *server) errorPage(w http.ResponseWriter, r *http.Request, e *Error) {
	s.writePage(w, r, e.Code.httpStatus(), "layout.html", view{Page: "error", Title: "Error", Data: e})
}
