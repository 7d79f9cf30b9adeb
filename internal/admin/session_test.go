package admin

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// signIn starts a session and returns a request that carries it.
func signIn(s *sessions, name string) *http.Request {
	rec := httptest.NewRecorder()
	s.start(rec, httptest.NewRequest(http.MethodPost, "/login", nil), identity{name, Viewer})
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.AddCookie(rec.Result().Cookies()[0])
	return req
}

func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions()
		req := signIn(s, "alice")
		time.Sleep(sessionLife - time.Second)
		if id, ok := s.find(req); !ok || id.name != "alice" {
			t.Errorf("before its end: %v, %v", id, ok)
		}
		time.Sleep(2 * time.Second)
		if _, ok := s.find(req); ok {
			t.Error("a session outlives its end")
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions()
		first := signIn(s, "first")
		for range maxSessions {
			time.Sleep(time.Second)
			signIn(s, "other")
		}
		last := signIn(s, "last")
		if _, ok := s.find(first); ok || len(s.byID) > maxSessions {
			t.Errorf("%d sessions; the oldest is there: %v", len(s.byID), ok)
		}
		if _, ok := s.find(last); !ok {
			t.Error("the newest is not there")
		}
	})
}
