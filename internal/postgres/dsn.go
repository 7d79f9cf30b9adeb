package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// MaxMessage bounds what one message of a server may make us hold, in bytes: a row.
const MaxMessage = 16 << 20

// connectTimeout bounds connecting where the DSN does not.
const connectTimeout = 10 * time.Second

var errMalformedDSN = errors.New("dsn: not a PostgreSQL connection string: want postgres://user:password@host:port/database, " +
	"with @ : / % and other odd characters in the password percent-encoded, or keyword=value pairs")

// ParseDSN reads a DSN. Its errors never quote the DSN: a password with an unescaped character in it ends up in any of its
// parts, and in the messages of the parsers.
func ParseDSN(dsn string) (*pgconn.Config, error) {
	if err := unescaped(dsn); err != nil {
		return nil, err
	}
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		var file *fs.PathError
		switch {
		case errors.As(err, &file):
			return nil, fmt.Errorf("dsn: %w", file)
		case strings.Contains(err.Error(), "sslmode is invalid"):
			return nil, errors.New("dsn: sslmode is not one of disable, allow, prefer, require, verify-ca, verify-full")
		}
		return nil, errMalformedDSN
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	config.RuntimeParams["application_name"] = "paritygate"
	config.RuntimeParams["client_encoding"] = "UTF8"
	config.MaxProtocolMessageBodyLen = MaxMessage
	return config, nil
}

// unescaped refuses a URL with an @ or a / in its password. As libpq does, the driver takes the first @ before a / for the
// end of the password; what is left of the password would be taken for host, port or database, and shown.
func unescaped(dsn string) error {
	rest, isURL := strings.CutPrefix(dsn, "postgres://")
	if !isURL {
		rest, isURL = strings.CutPrefix(dsn, "postgresql://")
	}
	if !isURL {
		return nil
	}
	credentials := false
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		credentials, rest = true, rest[i+1:]
	}
	place, query, _ := strings.Cut(rest, "?")
	host, _, _ := strings.Cut(place, "/")
	if strings.Contains(place, "@") || !credentials && host != "" && strings.Contains(query, "@") {
		return errMalformedDSN
	}
	return nil
}

// Redactor takes secrets out of a text that others wrote. The zero value knows none.
type Redactor struct{ secrets []string }

// shortSecret is the length in bytes below which a secret is not looked for: it would be found in ordinary words.
const shortSecret = 4

// NewRedactor looks for a DSN and the password in it, however it is escaped.
func NewRedactor(dsn string, config *pgconn.Config) Redactor {
	r := Redactor{secrets: []string{dsn}}
	r.Add(config.Password, url.QueryEscape(config.Password), url.PathEscape(config.Password),
		strings.TrimPrefix(url.UserPassword("", config.Password).String(), ":"))
	return r
}

// Add has more secrets looked for.
func (r *Redactor) Add(secrets ...string) {
	for _, s := range secrets {
		if len(s) >= shortSecret {
			r.secrets = append(r.secrets, s)
		}
	}
}

// Clean is the text without the secrets.
func (r Redactor) Clean(text string) string {
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return text
}

// Message is what the driver says of an error, in one line and without its repetitions: it tries an address with TLS and
// without, and says the same of both. It may hold secrets.
func Message(err error) string {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		err = errors.Unwrap(connect)
	}
	return oneLine(err.Error())
}

func oneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.Join(strings.Fields(line), " "); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
