package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// address is what a listener binds: HOST:PORT, with an empty host for every interface and port 0 for a free one.
func address(p *string) scalar[string] {
	return stringOf(p, "must be HOST:PORT or :PORT, with a port from 0 to 65535", func(s string) bool {
		_, port, err := net.SplitHostPort(s)
		if err != nil {
			return false
		}
		_, err = strconv.ParseUint(port, 10, 16)
		return err == nil
	})
}

// network is a CIDR, or an address alone.
func network(p *netip.Prefix) scalar[netip.Prefix] {
	want := "must be a network such as 10.0.0.0/8, or an IP address"
	format := plain(netip.Prefix.String)
	return scalar[netip.Prefix]{p: p, want: want, format: format, parse: func(w word) (netip.Prefix, string, bool) {
		if ip, err := netip.ParseAddr(w.value); err == nil && ip.Zone() == "" {
			return netip.PrefixFrom(ip, ip.BitLen()), "", true
		}
		prefix, err := netip.ParsePrefix(w.value)
		if err == nil && prefix != prefix.Masked() {
			return prefix, "has bits set outside its mask; write " + prefix.Masked().String(), false
		}
		return prefix, "", err == nil
	}}
}

// backendURL is where a backend is. What looks like a password in it is never repeated.
func backendURL(p **url.URL) scalar[*url.URL] {
	format := func(_ *encoder, _ string, u *url.URL) value {
		if u == nil {
			return value{kind: text}
		}
		return value{kind: text, text: u.String()}
	}
	s := scalar[*url.URL]{p: p, want: "must be a URL such as https://api.example.com", format: format, hidden: true}
	s.parse = func(w word) (*url.URL, string, bool) {
		u, err := url.Parse(w.value)
		if strings.Contains(w.value, "@") {
			return nil, "must hold no user or password; set the Authorization header with headers.set instead", false
		}
		switch {
		case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", !validPort(u.Port()):
			return nil, s.want + "; got " + w.show(), false
		case u.RawQuery != "", u.ForceQuery, u.Fragment != "":
			return nil, "must have no query and no fragment", false
		}
		u.Host = strings.ToLower(u.Host)
		return u, "", true
	}
	return s
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return s == "" || err == nil && n > 0
}

// sameURL reports whether two URLs name one place.
func sameURL(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		if u.Port() == "" {
			return map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		return u.Port()
	}
	return a.Scheme == b.Scheme && a.Hostname() == b.Hostname() && port(a) == port(b) &&
		strings.TrimRight(a.EscapedPath(), "/") == strings.TrimRight(b.EscapedPath(), "/")
}

// userToken is an admin user's secret, sent as `Authorization: Bearer TOKEN`.
func userToken(p *Secret) scalar[Secret] {
	syntax := regexp.MustCompile(`^[\x21-\x7e]+$`)
	s := secret(p, "must be a string of visible ASCII characters without spaces")
	s.parse = func(w word) (Secret, string, bool) {
		switch w.value {
		case "":
			return "", "must not be empty", false
		case redacted:
			return "", "is the placeholder of a printed configuration; put the secret in its place", false
		}
		return Secret(w.value), "", w.kind == text && syntax.MatchString(w.value)
	}
	return s
}

// headerValue is what a backend is sent; it is taken as it is written.
func headerValue(p *Secret) scalar[Secret] {
	s := secret(p, "must be a header's value: a string without line breaks or control characters")
	syntax := regexp.MustCompile(`^[^\x00-\x08\x0a-\x1f\x7f]*$`)
	s.parse = func(w word) (Secret, string, bool) { return Secret(w.value), "", syntax.MatchString(w.value) }
	return s
}

func secret(p *Secret, want string) scalar[Secret] {
	return scalar[Secret]{p: p, want: want, hidden: true, format: func(e *encoder, _ string, s Secret) value {
		if e.clear {
			return value{kind: text, text: s.Reveal()}
		}
		return value{kind: text, text: s.String()}
	}}
}

var (
	keywordDSN      = regexp.MustCompile(`^\s*(?:[a-z_]+\s*=\s*(?:'(?:[^'\\]|\\.)*'|[^\s']*)\s*)+$`)
	keywordPassword = regexp.MustCompile(`\b((?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s']*)`)
)

// dsn says where a database is: a postgres:// URL, or libpq's `keyword=value` form.
func dsn(p *Secret) scalar[Secret] {
	s := secret(p, "must be postgres://USER:PASSWORD@HOST:PORT/DATABASE, with odd characters in the password percent-encoded, "+
		"or keyword=value pairs")
	s.parse = func(w word) (Secret, string, bool) {
		if w.value == "" {
			return "", "must not be empty", false
		}
		return Secret(w.value), "", w.kind == text && validDSN(w.value)
	}
	s.format = func(e *encoder, _ string, v Secret) value {
		if e.clear {
			return value{kind: text, text: v.Reveal()}
		}
		return value{kind: text, text: maskDSN(v.Reveal())}
	}
	return s
}

// perhapsDSN is a DSN that may be empty, as one from `${NAME:-}` is.
func perhapsDSN(p *Secret) scalar[Secret] {
	s := dsn(p)
	parse := s.parse
	s.parse = func(w word) (Secret, string, bool) {
		if w.value == "" && w.kind == text {
			return "", "", true
		}
		return parse(w)
	}
	return s
}

// validDSN refuses a URL with an @ behind its host as well: it has a / or ? in its password, which would be taken for
// something else, and shown.
func validDSN(s string) bool {
	if !isURL(s) {
		return keywordDSN.MatchString(s)
	}
	u, err := url.Parse(s)
	return err == nil && u.Opaque == "" && u.Fragment == "" && !strings.Contains(u.EscapedPath()+u.RawQuery, "@")
}

func isURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// maskDSN hides the passwords in an address.
func maskDSN(s string) string {
	if !isURL(s) {
		return keywordPassword.ReplaceAllString(s, "${1}xxxxx")
	}
	u, err := url.Parse(s)
	if err != nil {
		return redacted
	}
	query := u.Query()
	for key := range query {
		if strings.HasSuffix(strings.ToLower(key), "password") {
			query.Set(key, "xxxxx")
		}
	}
	u.RawQuery = query.Encode()
	return u.Redacted()
}
