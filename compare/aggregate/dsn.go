package aggregate

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// maxMessage bounds what one message of a server may make us hold, in bytes: a row.
const maxMessage = 16 << 20

// connectTimeout bounds connecting where the DSN does not.
const connectTimeout = 10 * time.Second

var errMalformedDSN = errors.New("dsn: not a PostgreSQL connection string: want postgres://user:password@host:port/database, " +
	"with @ : / % and other odd characters in the password percent-encoded, or keyword=value pairs")

// parseDSN reads a DSN. Its errors never quote the DSN: a password with an unescaped character in it ends up in any of its
// parts, and in the messages of the parsers.
func parseDSN(dsn string) (*pgconn.Config, error) {
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
	config.MaxProtocolMessageBodyLen = maxMessage
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

// redactor takes secrets out of a text that others wrote.
type redactor struct{ secrets []string }

// shortSecret is the length in bytes below which a secret is not looked for: it would be found in ordinary words.
const shortSecret = 4

func newRedactor(dsn string, config *pgconn.Config) redactor {
	r := redactor{secrets: []string{dsn}}
	r.add(config.Password, url.QueryEscape(config.Password), url.PathEscape(config.Password),
		strings.TrimPrefix(url.UserPassword("", config.Password).String(), ":"))
	return r
}

// add has more secrets looked for.
func (r *redactor) add(secrets ...string) {
	for _, s := range secrets {
		if len(s) >= shortSecret {
			r.secrets = append(r.secrets, s)
		}
	}
}

func (r redactor) clean(text string) string {
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return text
}
