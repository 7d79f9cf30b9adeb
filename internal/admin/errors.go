package admin

import (
	"errors"
	"fmt"
	"net/http"

	"paritygate/internal/cutover"
)

// Code is a stable word for what went wrong; scripts rely on it.
type Code string

// The codes of errors.
const (
	CodeBadRequest       Code = "bad_request"            // the request is not what the call takes; the message says where
	CodeUnauthorized     Code = "unauthorized"           // no token, or one that nobody has
	CodeForbidden        Code = "forbidden"              // known, but not permitted; or not from this machine
	CodeNotFound         Code = "not_found"              // no such path, check or mismatch
	CodeMethodNotAllowed Code = "method_not_allowed"     // the path is there, the method is not
	CodeWrongPhase       Code = "wrong_phase"            // the run's phase forbids it
	CodeWrongEpoch       Code = "wrong_epoch"            // the run has moved on since the caller looked
	CodeGateFailed       Code = "gate_failed"            // a criterion of the gate fails
	CodeGateInconclusive Code = "gate_inconclusive"      // none fails, but one has too little evidence
	CodeConflict         Code = "conflict"               // another change is under way, or a flip was abandoned
	CodeTooLarge         Code = "too_large"              // the body is larger than MaxBody
	CodeUnsupportedMedia Code = "unsupported_media_type" // the body is not declared as JSON
	CodeUnavailable      Code = "unavailable"            // the store, a database or the admin API itself cannot be reached
	CodeInternal         Code = "internal"               // a fault of the program; its log says more
)

// httpStatus is the one place where codes become HTTP statuses.
func (c Code) httpStatus() int {
	switch c {
	case CodeBadRequest:
		return http.StatusBadRequest
	case CodeUnauthorized:
		return http.StatusUnauthorized
	case CodeForbidden:
		return http.StatusForbidden
	case CodeNotFound:
		return http.StatusNotFound
	case CodeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case CodeWrongPhase, CodeWrongEpoch, CodeGateFailed, CodeGateInconclusive, CodeConflict:
		return http.StatusConflict
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeUnsupportedMedia:
		return http.StatusUnsupportedMediaType
	case CodeUnavailable:
		return http.StatusServiceUnavailable
	case CodeInternal:
	}
	return http.StatusInternalServerError
}

// Error is an error with a code that a caller can act on. The client returns it as the server sent it.
type Error struct {
	Code    Code
	Message string
	// Report is the gate's report where the gate refused.
	Report *cutover.Report
	// Err is the cause, if any. It is logged and never sent.
	Err error
	// HTTPStatus is set by the client: the status of the answer, 0 if there was none.
	HTTPStatus int
}

// Error returns the message.
func (e *Error) Error() string {
	if e.Message == "" {
		return string(e.Code)
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an *Error. An error among the arguments of %w is its cause, and part of its message.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// asError makes any error one that can be sent: what is no *Error is internal, and says nothing of itself.
func asError(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	return &Error{Code: CodeInternal, Message: "the server failed; its log says why", Err: err}
}

// errorBody is the JSON of an error.
type errorBody struct {
	Error struct {
		Code    Code   `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Report *cutover.Report `json:"report,omitempty"`
}
