package fence

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"paritygate/internal/postgres"
)

// refusal is what a database says when it does not do what it was asked.
type refusal struct {
	code string // its SQLSTATE
	text string // without a secret
}

func (r *refusal) Error() string { return fmt.Sprintf("%s (SQLSTATE %s)", r.text, r.code) }

// unreachable is a server that gave no answer.
type unreachable struct {
	text  string // without a secret
	cause error  // of the context, or nil
}

func (u *unreachable) Error() string {
	if u.cause != nil {
		return u.text + ": " + u.cause.Error()
	}
	return u.text
}

func (u *unreachable) Unwrap() error { return u.cause }

// refused puts an error of the driver's into words, without a secret: the driver's own may quote the DSN.
func (s *server) refused(ctx context.Context, doing string, err error) error {
	if doing != "" {
		doing += ": "
	}
	if late(ctx, err) {
		return &unreachable{doing + "no answer in time", context.DeadlineExceeded}
	}
	if ctx.Err() != nil {
		return &unreachable{doing + "no answer", ctx.Err()}
	}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return &refusal{server.Code, doing + s.redact.Clean(server.Message)}
	}
	return &unreachable{doing + s.redact.Clean(postgres.Message(err)), nil}
}

// late reports whether time was up. The driver's timers may be a moment ahead of the context's.
func late(ctx context.Context, err error) bool {
	var timeout net.Error
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// class is what a refusal of the application's write says of a fence.
type class uint8

const (
	// busy says nothing: the server is out of reach, starting, stopping, full or locked, or a row stood in the way.
	busy class = iota
	// sign is what a fence gives.
	sign
	// odd is no sign of a fence, unless the same write worked without it: a misspelled table refuses everything.
	odd
)

// readOnly is the SQLSTATE of a write in a transaction that may only read.
const readOnly = "25006"

// classes say what the SQLSTATEs mean; those of two characters stand for all that begin so. What is not listed is a sign: a
// trigger may raise what it likes.
var classes = map[string]class{
	readOnly: sign, // the session may only read
	"28000":  sign, // the role may not log in
	"55000":  sign, // the database takes no connections
	"42501":  sign, // no privilege

	"08": busy, "40": busy, "53": busy, "57": busy, "58": busy, "XX": busy, "23": busy, "55P03": busy,
	"25": busy, // an idle transaction that was ended, or one that failed

	"28": odd, // a wrong password
	"42": odd, "22": odd, "3D": odd, "3F": odd, "0A": odd, "26": odd, "34": odd, "54": odd,
}

func classify(code string) class {
	for _, prefix := range []string{code, code[:min(2, len(code))]} {
		if c, ok := classes[prefix]; ok {
			return c
		}
	}
	return sign
}

// transient reports whether asking again may help.
func transient(err error) bool {
	if r, ok := errors.AsType[*refusal](err); ok {
		return classify(r.code) == busy && !strings.HasPrefix(r.code, "23")
	}
	_, ok := errors.AsType[*unreachable](err)
	return ok
}
