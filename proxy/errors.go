package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// Why a request ended without a backend's answer.
var (
	errTimeout       = errors.New("no answer within the backend's timeout")
	errClientStalled = errors.New("the client stopped sending its body")
	errClientGone    = errors.New("the client has left")
	errBodyTooLarge  = errors.New("the body is larger than what may be held")
	errAbandoned     = errors.New("given up at the rollback")
	errStreamClosed  = errors.New("closed at a change of authority")
	errBusy          = errors.New("too many writes are held")
	errHeldTooLong   = errors.New("held for too long")
	errRefused       = errors.New("no backend may take writes now")
	errBadStatus     = errors.New("the answer's status ends no exchange")
	errJournal       = errors.New("the journal does not take the write")
	errUnrecorded    = errors.New("the journal did not take the outcome of the write")
	errAborted       = errors.New("aborted by a fault of the proxy")
	errStreamedWrite = errors.New("the call's messages did not end")
)

// codeUnrecorded is the one 503 after which nobody should try again by itself.
const codeUnrecorded = "write_unrecorded"

// refusal is an answer of the proxy itself.
type refusal struct {
	status        int
	code, message string
}

// refusalFor says how a failure is told to the client, without anything about the inside.
func refusalFor(err error) refusal {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return refusal{http.StatusRequestEntityTooLarge, "body_too_large", "The request's body is too large."}
	case errors.Is(err, errClientStalled):
		return refusal{http.StatusRequestTimeout, "request_timeout", "The request's body did not arrive in time."}
	case errors.Is(err, errStreamedWrite):
		return refusal{
			http.StatusRequestTimeout, "request_timeout",
			"The call's messages did not end in time. One that streams cannot be recorded as a write: its route has to be a bypass.",
		}
	case errors.Is(err, errJournal):
		return refusal{http.StatusServiceUnavailable, "journal_unavailable", "Writes cannot be recorded at the moment; this one was not sent."}
	case errors.Is(err, errUnrecorded):
		return refusal{
			http.StatusServiceUnavailable, codeUnrecorded,
			"The outcome of the write could not be recorded; whether it took place is unknown.",
		}
	case errors.Is(err, errAbandoned):
		return refusal{
			http.StatusGatewayTimeout, "write_unknown",
			"The backend did not answer before it was left; whether the write took place is unknown.",
		}
	case errors.Is(err, errTimeout):
		return refusal{http.StatusGatewayTimeout, "gateway_timeout", "The backend did not answer in time."}
	case errors.Is(err, errBusy):
		return refusal{http.StatusServiceUnavailable, "write_hold_full", "Writes are held for a moment, and too many wait."}
	case errors.Is(err, errBodyTooLarge):
		return refusal{http.StatusServiceUnavailable, "write_hold_full", "Writes are held for a moment, and this one is too large to wait."}
	case errors.Is(err, errHeldTooLong):
		return refusal{http.StatusServiceUnavailable, "write_hold_timeout", "The write was held for too long and has not been sent."}
	case errors.Is(err, errRefused):
		return refusal{http.StatusServiceUnavailable, "writes_refused", "No backend takes writes at the moment."}
	}
	return refusal{http.StatusBadGateway, "bad_gateway", "The backend could not be reached or gave no valid answer."}
}

// write sends the refusal.
func (f refusal) write(w http.ResponseWriter) {
	h := w.Header()
	last := h["Connection"] // a Drainer's word
	clear(h)
	if last != nil {
		h["Connection"] = last
	}
	body, _ := json.Marshal(map[string]any{"error": map[string]string{"code": f.code, "message": f.message}})
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	if f.status == http.StatusServiceUnavailable && f.code != codeUnrecorded {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(f.status)
	_, _ = w.Write(body)
}

// isConnectError reports whether no connection came about, so that the backend has seen nothing of the request.
func isConnectError(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// quietError says what went wrong without what the other side sent, which may hold secrets.
type quietError struct {
	message string
	cause   error
}

func (e *quietError) Error() string { return e.message }
func (e *quietError) Unwrap() error { return e.cause }

// quiet takes what net/http quotes of an answer out of an error's text: records keep the text.
func quiet(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	message, _, quoted := strings.Cut(text, "\"")
	var protocol textproto.ProtocolError
	if errors.As(err, &protocol) {
		message, _, quoted = strings.Cut(text, protocol.Error())
		message += "malformed header"
	}
	if !quoted {
		return err
	}
	return &quietError{strings.TrimRight(message, " :"), err}
}

// causeOf returns why a context ended, where the context is what ended the request.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, context.Canceled) {
			return errClientGone
		}
		return cause
	}
	return err
}
