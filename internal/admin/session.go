package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// How long, and how many, console sessions are kept.
const (
	sessionCookie = "paritygate_session"
	sessionLife   = 12 * time.Hour
	maxSessions   = 1024
)

// sessions are the console's logins. They live in memory: a restart of the process signs everybody out.
type sessions struct {
	mu   sync.Mutex
	byID map[[sha256.Size]byte]session
}

type session struct {
	identity
	until time.Time
}

func newSessions() *sessions { return &sessions{byID: map[[sha256.Size]byte]session{}} }

// start makes a session and sets its cookie.
func (s *sessions) start(w http.ResponseWriter, r *http.Request, id identity) {
	secret := rand.Text()
	now := time.Now()
	s.mu.Lock()
	s.evict(now)
	s.byID[sha256.Sum256([]byte(secret))] = session{id, now.Add(sessionLife)}
	s.mu.Unlock()
	http.SetCookie(w, cookie(r, secret, int(sessionLife.Seconds())))
}

// evict removes what has expired, and the oldest when there are too many.
func (s *sessions) evict(now time.Time) {
	var oldest [sha256.Size]byte
	for id, v := range s.byID {
		if now.After(v.until) {
			delete(s.byID, id)
		} else if first, ok := s.byID[oldest]; !ok || v.until.Before(first.until) {
			oldest = id
		}
	}
	if len(s.byID) >= maxSessions {
		delete(s.byID, oldest)
	}
}

func (s *sessions) find(r *http.Request) (identity, bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return identity{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.byID[sha256.Sum256([]byte(c.Value))]
	if !ok || time.Now().After(v.until) {
		return identity{}, false
	}
	return v.identity, true
}

// end forgets the request's session and takes its cookie back.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		delete(s.byID, sha256.Sum256([]byte(c.Value)))
		s.mu.Unlock()
	}
	http.SetCookie(w, cookie(r, "", -1))
}

func cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure where the request came over TLS; on plain loopback it would never be sent
		Name: sessionCookie, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	}
}

// loginPage shows the form that asks for a token.
func (s *server) loginPage(w http.ResponseWriter, r *http.Request) {
	s.renderLogin(w, r, http.StatusOK, localPath(r.URL.Query().Get("next")), "")
}

// login exchanges a token for a session.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	if err := s.sameOrigin(r); err != nil {
		s.fail(w, r, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	if err := r.ParseForm(); err != nil {
		s.fail(w, r, &Error{Code: CodeBadRequest, Message: "the form cannot be read", Err: err})
		return
	}
	next := localPath(r.PostForm.Get("next"))
	id, ok := s.users.find(strings.TrimSpace(r.PostForm.Get("token")))
	if !ok {
		s.log.Warn("console login refused")
		s.renderLogin(w, r, http.StatusUnauthorized, next, "Nobody has this token.")
		return
	}
	s.sessions.start(w, r, id)
	http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // localPath lets only paths of this server through
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.sameOrigin(r); err != nil {
		s.fail(w, r, err)
		return
	}
	s.sessions.end(w, r)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// sendToLogin takes a browser without a session to the form, and reports whether it did.
func (s *server) sendToLogin(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("HX-Request") == "true" {
		w.Header().Set("HX-Redirect", "/login")
		return false
	}
	if r.Method != http.MethodGet || !wantsPage(r) {
		return false
	}
	target := "/login"
	if r.URL.Path != "/" {
		target += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
	return true
}

// localPath returns a path of this site, so that a login cannot be made to lead elsewhere.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
