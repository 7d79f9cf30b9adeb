package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Role is what a user may do.
type Role string

// The roles. An operator may do what a viewer may.
const (
	Viewer   Role = "viewer"   // reads
	Operator Role = "operator" // reads and changes
)

// User is somebody who may use the API.
type User struct {
	Name string
	Role Role
	// Token is the bearer token. Only its hash is kept.
	Token string
}

// identity is who makes a request.
type identity struct {
	name string
	role Role
}

func (i identity) may(role Role) bool { return i.role == Operator || i.role == role }

// users knows identities by the hash of their tokens.
type users struct {
	list []struct {
		identity
		hash [sha256.Size]byte
	}
}

func newUsers(list []User) (*users, error) {
	u := &users{}
	names, tokens := map[string]bool{}, map[[sha256.Size]byte]bool{}
	for i, user := range list {
		hash := sha256.Sum256([]byte(user.Token))
		switch {
		case user.Name == "":
			return nil, fmt.Errorf("users[%d].name: must not be empty", i)
		case names[user.Name]:
			return nil, fmt.Errorf("users[%d].name: %q is there twice", i, user.Name)
		case user.Role != Viewer && user.Role != Operator:
			return nil, fmt.Errorf("users[%d].role: %q is neither viewer nor operator", i, user.Role)
		case user.Token == "":
			return nil, fmt.Errorf("users[%d].token: must not be empty", i)
		case tokens[hash]:
			return nil, fmt.Errorf("users[%d].token: another user has the same", i)
		}
		names[user.Name], tokens[hash] = true, true
		u.list = append(u.list, struct {
			identity
			hash [sha256.Size]byte
		}{identity{user.Name, user.Role}, hash})
	}
	return u, nil
}

func (u *users) none() bool { return len(u.list) == 0 }

// find compares with every user's hash, so that the time taken tells nothing of the token.
func (u *users) find(token string) (identity, bool) {
	hash := sha256.Sum256([]byte(token))
	found := -1
	for i := range u.list {
		if subtle.ConstantTimeCompare(hash[:], u.list[i].hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return identity{}, false
	}
	return u.list[found].identity, true
}

type identityKey struct{}

// actor is the name under which a permitted request changes something.
func actor(r *http.Request) string { return who(r).name }

func who(r *http.Request) identity {
	id, _ := r.Context().Value(identityKey{}).(identity)
	return id
}

// permitted lets a request through to next if its sender has the role, and came where it means to be.
func (s *server) permitted(role Role, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, err := s.identify(r)
		if err == nil && !id.may(role) {
			err = Errorf(CodeForbidden, "%s is a %s; this takes an %s", id.name, id.role, role)
		}
		if err == nil {
			err = s.sameOrigin(r)
		}
		if err != nil {
			if asError(err).Code == CodeUnauthorized && s.sendToLogin(w, r) {
				return
			}
			s.fail(w, r, err)
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), identityKey{}, id)))
	}
}

// identify says who sent the request.
func (s *server) identify(r *http.Request) (identity, error) {
	if s.users.none() {
		return identity{LocalActor, Operator}, s.hosts.local(r)
	}
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return identity{}, Errorf(CodeUnauthorized, "the Authorization header must be `Bearer TOKEN`")
		}
		if id, ok := s.users.find(strings.TrimSpace(token)); ok {
			return id, nil
		}
		return identity{}, Errorf(CodeUnauthorized, "nobody has this token")
	}
	if id, ok := s.sessions.find(r); ok {
		return id, nil
	}
	return identity{}, Errorf(CodeUnauthorized, "a token is needed: send `Authorization: Bearer TOKEN`")
}

// sameOrigin refuses what a browser sends on behalf of another site.
func (s *server) sameOrigin(r *http.Request) error {
	if err := s.origin.Check(r); err != nil {
		return &Error{Code: CodeForbidden, Message: "the request comes from a page of another origin", Err: err}
	}
	return nil
}

// hosts are the Host headers that a request to this machine may carry.
type hosts struct {
	listen string
}

func newHosts(listen string) hosts {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		host = listen
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsUnspecified() {
		host = ""
	}
	return hosts{listen: strings.ToLower(host)}
}

// local refuses what does not come from this machine itself, and names it by a name that only this machine has.
func (h hosts) local(r *http.Request) error {
	const configure = "; configure admin.users to serve other clients"
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !client.Addr().Unmap().IsLoopback() {
		return Errorf(CodeForbidden, "without users only this machine itself is served, not %s%s", r.RemoteAddr, configure)
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return Errorf(CodeForbidden, "without users nothing is served through another proxy (%s is set)%s", name, configure)
		}
	}
	if !h.permit(r.Host) {
		return Errorf(CodeForbidden, "the Host header %q is neither a loopback name nor the listen address%s", r.Host, configure)
	}
	return nil
}

func (h hosts) permit(host string) bool {
	u := url.URL{Host: host}
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if name == "localhost" || name != "" && name == h.listen {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}
