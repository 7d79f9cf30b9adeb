package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"paritygate/internal/cutover"
	"paritygate/internal/evidence"
)

// maxAnswer bounds what a client reads of an answer, in bytes.
const maxAnswer = 64 << 20

// Client calls the admin API of a running paritygate. It is safe to use from many goroutines. Every method returns an
// *Error with the server's code; CodeUnavailable with HTTPStatus 0 says that there was no answer at all.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// NewClient returns a client of the API at address, such as "http://127.0.0.1:9090" or "127.0.0.1:9090". An empty token
// sends none; a nil client is http.DefaultClient. Set no timeout on it that is shorter than a flip may take.
func NewClient(address, token string, client *http.Client) (*Client, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.RawQuery != "" || base.User != nil {
		return nil, Errorf(CodeBadRequest, "the admin address must be a URL such as http://127.0.0.1:9090")
	}
	if client == nil {
		client = http.DefaultClient
	}
	return &Client{base: base, token: token, http: client}, nil
}

// Status returns the run at a glance.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "status", nil)
}

// Gate returns the gate as it stands.
func (c *Client) Gate(ctx context.Context) (cutover.Report, error) {
	return get[cutover.Report](ctx, c, "gate", nil)
}

// Routes returns every route: since the window began, or with all set since the run began.
func (c *Client) Routes(ctx context.Context, all bool) ([]Route, error) {
	query := url.Values{}
	if all {
		query.Set("all", "true")
	}
	body, err := get[routesBody](ctx, c, "routes", query)
	return body.Routes, err
}

// Mismatches returns the groups and samples that the query asks for. A Limit of 0 leaves it to the server.
func (c *Client) Mismatches(ctx context.Context, q MismatchQuery) (Mismatches, error) {
	query := url.Values{}
	for name, value := range map[string]string{"route": q.Route, "signature": q.Signature, "verdict": string(q.Verdict)} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if q.Limit != 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	return get[Mismatches](ctx, c, "mismatches", query)
}

// Mismatch returns one sample with both answers.
func (c *Client) Mismatch(ctx context.Context, id string) (Mismatch, error) {
	return get[Mismatch](ctx, c, "mismatches/"+url.PathEscape(id), nil)
}

// Checks returns every check with its latest result.
func (c *Client) Checks(ctx context.Context) ([]evidence.CheckResult, error) {
	body, err := get[checksBody](ctx, c, "checks", nil)
	return body.Checks, err
}

// RunCheck runs one check now.
func (c *Client) RunCheck(ctx context.Context, name string) (evidence.CheckResult, error) {
	body, err := post[checksBody](ctx, c, "checks/"+url.PathEscape(name)+"/run", struct{}{})
	if err != nil || len(body.Checks) != 1 {
		return evidence.CheckResult{}, err
	}
	return body.Checks[0], nil
}

// Events returns events after a sequence number, the oldest first; a negative after asks for the newest. A limit of 0 leaves
// it to the server.
func (c *Client) Events(ctx context.Context, after int64, limit int) ([]evidence.Event, error) {
	query := url.Values{}
	if after >= 0 {
		query.Set("after", strconv.FormatInt(after, 10))
	}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	body, err := get[eventsBody](ctx, c, "events", query)
	return body.Events, err
}

// verifyPage is how many events are asked for at once to prove them.
const verifyPage = 200

// VerifyEvents proves the whole audit log as the server gives it, and returns the event that was the last one when it began. An error
// that wraps evidence.ErrChain names the first event that is missing or was changed.
func (c *Client) VerifyEvents(ctx context.Context) (evidence.Head, error) {
	first, err := get[eventsBody](ctx, c, "events", url.Values{"limit": {"1"}})
	if err != nil {
		return evidence.Head{}, err
	}
	head := first.Head
	var chain, met evidence.Chain // met ends at the head: what is appended meanwhile is not held against it
	for after := int64(0); ; {
		events, err := c.Events(ctx, after, verifyPage)
		if err != nil {
			return head, err
		}
		for _, e := range events {
			if err := chain.Follow(e); err != nil {
				return head, err
			}
			if after = e.Seq; after <= head.Seq {
				met = chain
			}
		}
		if len(events) < verifyPage {
			return head, met.End(head)
		}
	}
}

// Attestations returns what the gate asks people to vouch for, and what was given.
func (c *Client) Attestations(ctx context.Context) ([]Attestation, error) {
	body, err := get[attestationsBody](ctx, c, "attestations", nil)
	return body.Attestations, err
}

// SetMirror sets the fraction of the reads that is mirrored, 0 to 1. The server knows the actor: Change.Actor is not sent.
func (c *Client) SetMirror(ctx context.Context, change Change, fraction float64) (Status, error) {
	return c.setFraction(ctx, "mirror", change, fraction)
}

// SetCanary sets the fraction of the reads that new answers, 0 to 1.
func (c *Client) SetCanary(ctx context.Context, change Change, fraction float64) (Status, error) {
	return c.setFraction(ctx, "canary", change, fraction)
}

func (c *Client) setFraction(ctx context.Context, what string, change Change, fraction float64) (Status, error) {
	number := json.Number(strconv.FormatFloat(fraction, 'g', -1, 64))
	return post[Status](ctx, c, what, fractionBody{number, change.Epoch})
}

// Attest records a statement.
func (c *Client) Attest(ctx context.Context, change Change, name, evidence string) (Status, error) {
	return post[Status](ctx, c, "attestations", attestBody{name, evidence, change.Epoch})
}

// Cutover flips the writes, and returns when the flip is committed or abandoned. An *Error with CodeGateFailed or
// CodeGateInconclusive carries the gate's report.
func (c *Client) Cutover(ctx context.Context, change Change, dryRun, force bool) (CutoverResult, error) {
	return post[CutoverResult](ctx, c, "cutover", cutoverBody{change.Reason, dryRun, force, change.Epoch})
}

// Rollback sends traffic back to old.
func (c *Client) Rollback(ctx context.Context, change Change) (Status, error) {
	return post[Status](ctx, c, "rollback", changeBody{change.Reason, change.Epoch})
}

// Restart begins the window of evidence anew.
func (c *Client) Restart(ctx context.Context, change Change) (Status, error) {
	return post[Status](ctx, c, "restart", changeBody{change.Reason, change.Epoch})
}

// Resume leaves rolled_back for shadow; discard gives up the writes that new holds and old does not have.
func (c *Client) Resume(ctx context.Context, change Change, discard bool) (Status, error) {
	return post[Status](ctx, c, "resume", resumeBody{change.Reason, change.Epoch, discard})
}

// Complete ends the run, if the soak was green; purge removes the journal's records then, also of a run that was completed before. An
// *Error with CodeGateFailed or CodeGateInconclusive carries the report.
func (c *Client) Complete(ctx context.Context, change Change, purge bool) (Status, error) {
	return post[Status](ctx, c, "complete", completeBody{change.Reason, change.Epoch, purge})
}

// Readiness asks whether the process is ready. A process that is starting or draining is no error.
func (c *Client) Readiness(ctx context.Context) (Readiness, error) {
	var readiness Readiness
	status, body, err := c.do(ctx, http.MethodGet, "readyz", nil, nil)
	if err != nil {
		return readiness, err
	}
	if err := json.Unmarshal(body, &readiness); err != nil || readiness.State == "" {
		return readiness, c.strange(status)
	}
	return readiness, nil
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	return invoke[T](ctx, c, http.MethodGet, path, query, nil)
}

func post[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	return invoke[T](ctx, c, http.MethodPost, path, nil, body)
}

// invoke makes one call under /v1 and decodes its answer.
func invoke[T any](ctx context.Context, c *Client, method, path string, query url.Values, in any) (T, error) {
	var out T
	status, body, err := c.do(ctx, method, "v1/"+path, query, in)
	if err != nil {
		return out, err
	}
	if status != http.StatusOK {
		return out, c.refused(status, body)
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return out, &Error{Code: CodeUnavailable, Message: c.strange(status).Message, Err: err, HTTPStatus: status}
	}
	return out, nil
}

// do sends a request and reads its whole answer.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, in any) (int, []byte, error) {
	target := c.base.JoinPath(path)
	target.RawQuery = query.Encode()
	var send io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return 0, nil, &Error{Code: CodeBadRequest, Message: "encode the request: " + err.Error(), Err: err}
		}
		send = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), send)
	if err != nil {
		return 0, nil, &Error{Code: CodeBadRequest, Message: "make the request: " + err.Error(), Err: err}
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil, c.unreachable(ctx, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return 0, nil, c.unreachable(ctx, err)
	}
	if media, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return 0, nil, c.strange(res.StatusCode)
	}
	return res.StatusCode, body, nil
}

// unreachable says that there was no answer, and what to look at.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &Error{Code: CodeUnavailable, Message: fmt.Sprintf("no answer from the admin API at %s: %s", c.base.Redacted(), context.Cause(ctx)), Err: ctx.Err()}
	}
	var cause *url.Error
	if errors.As(err, &cause) {
		err = cause.Err // the URL is named already
	}
	return &Error{
		Code:    CodeUnavailable,
		Message: fmt.Sprintf("cannot reach the admin API at %s: %s; is `paritygate serve` running? --admin URL names another address", c.base.Redacted(), err),
		Err:     err,
	}
}

// strange says that somebody else answers there.
func (c *Client) strange(status int) *Error {
	return &Error{
		Code:       CodeUnavailable,
		Message:    fmt.Sprintf("%s answers %d, but not as paritygate's admin API does; --admin URL names another address", c.base.Redacted(), status),
		HTTPStatus: status,
	}
}

// refused decodes an error as the server sent it.
func (c *Client) refused(status int, body []byte) error {
	var in errorBody
	if err := json.Unmarshal(body, &in); err != nil || in.Error.Code == "" {
		return c.strange(status)
	}
	return &Error{Code: in.Error.Code, Message: in.Error.Message, Report: in.Report, HTTPStatus: status}
}
