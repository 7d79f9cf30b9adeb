package aggregate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"paritygate/compare"
	"paritygate/internal/postgres"
)

// maxBody bounds what an endpoint may make us hold, in bytes.
const maxBody = 16 << 20

// HTTP is what an endpoint of a backend is asked, where there is no SQL.
type HTTP struct {
	// Path is what follows the backend's URL, with a query if need be. Like Body it may have the placeholder {settled}.
	Path string
	// Method is GET or POST; GET if empty.
	Method string
	// Header goes before that of the Endpoint.
	Header map[string]string
	// Body is sent with POST, as application/json if Header has no Content-Type.
	Body string
	// Value is a JSONPath, as compare.ParsePath reads it, of one place in the answer.
	Value string
}

// Endpoint is where a backend is asked.
type Endpoint struct {
	// URL is the base that the paths of checks are put behind; nil: there is none.
	URL *url.URL
	// Header is sent with every request. Its values are never shown.
	Header http.Header
	// Transport carries a request. Redirects that it returns are not followed.
	Transport http.RoundTripper
	// Timeout bounds a request to the end of its answer; 30 seconds if zero.
	Timeout time.Duration
}

// question is an HTTP that was validated.
type question struct {
	HTTP
	steps []compare.Step
	shape shape
}

func newQuestion(h HTTP, t Type, settled bool) (*question, error) {
	q := &question{HTTP: h}
	var err error
	var errs []error
	if q.shape, err = shapeOf(t); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(h.Path, "/") {
		errs = append(errs, errors.New("http.path: must begin with /"))
	} else if _, err := url.ParseRequestURI(q.path("x")); err != nil || strings.ContainsAny(h.Path, "# ") {
		errs = append(errs, errors.New("http.path: must be a path as it is sent, odd characters escaped with %"))
	}
	if settled && !strings.Contains(h.Path+h.Body, placeholder) {
		errs = append(errs, fmt.Errorf("http: path or body must have %s where the check has settled: in its place comes the moment before "+
			"which rows are settled, as 2026-01-31T09:30:00.000000Z", placeholder))
	}
	if q.Method == "" {
		q.Method = http.MethodGet
	}
	switch {
	case q.Method != http.MethodGet && q.Method != http.MethodPost:
		errs = append(errs, errors.New("http.method: must be GET or POST: a check changes nothing"))
	case q.Method == http.MethodGet && h.Body != "":
		errs = append(errs, errors.New("http.body: needs method POST"))
	}
	for name, value := range h.Header {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			errs = append(errs, fmt.Errorf("http.headers: %q cannot be sent with that value", name))
		}
	}
	if q.steps, err = compare.ParseSteps(h.Value); err != nil {
		errs = append(errs, fmt.Errorf("value: %w", err))
	}
	return q, errors.Join(errs...)
}

// path is the path with a moment in the placeholder's stead.
func (q *question) path(moment string) string {
	return strings.ReplaceAll(q.Path, placeholder, url.QueryEscape(moment))
}

// endpoint is a side that is asked over HTTP.
type endpoint struct {
	side   string // old or new
	at     Endpoint
	asked  *question
	moment string // before which rows are settled; empty if the check does not say
}

// ask sends the request and reads what is at the path of the answer; there is no SQL. The errors quote neither the request,
// which may hold secrets, nor the answer.
func (e *endpoint) ask(ctx context.Context, _ string, most int) (*answer, error) {
	timeout := e.at.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := e.fetch(limited)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("ask %s: no answer: %w", e.side, ctx.Err())
	case err != nil && limited.Err() != nil:
		return nil, fmt.Errorf("ask %s: the endpoint gave no whole answer within %s", e.side, timeout)
	case err != nil:
		return nil, fmt.Errorf("ask %s: %s", e.side, e.redactor().Clean(err.Error()))
	}
	a, err := e.asked.read(body, most)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.side, err)
	}
	return a, nil
}

// fetch returns the body of an answer that is good.
func (e *endpoint) fetch(ctx context.Context) (body []byte, err error) {
	request, err := e.request(ctx)
	if err != nil {
		return nil, err
	}
	response, err := e.at.Transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	switch code := response.StatusCode; {
	case code >= 300 && code < 400:
		return nil, fmt.Errorf("the endpoint answered %s, and redirects are not followed", status(code))
	case code < 200 || code >= 300:
		return nil, fmt.Errorf("the endpoint answered %s", status(code))
	}
	if body, err = io.ReadAll(io.LimitReader(response.Body, maxBody+1)); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("the endpoint answers with more than %d MiB; narrow it", maxBody>>20)
	}
	return body, nil
}

// status is a code with its name; the words of the answer are the other side's own.
func status(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

func (e *endpoint) request(ctx context.Context) (*http.Request, error) {
	base := strings.TrimSuffix(e.at.URL.Scheme+"://"+e.at.URL.Host+e.at.URL.EscapedPath(), "/")
	text := strings.ReplaceAll(e.asked.Body, placeholder, e.moment)
	request, err := http.NewRequestWithContext(ctx, e.asked.Method, base+e.asked.path(e.moment), strings.NewReader(text))
	if err != nil {
		return nil, errors.New("the backend's URL and the path make no request")
	}
	if text == "" {
		request.Body = http.NoBody
	} else {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "paritygate")
	for name, values := range e.at.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	for name, value := range e.asked.Header {
		request.Header.Set(name, value)
	}
	return request, nil
}

// redactor takes the values of the request's headers out of what a transport says.
func (e *endpoint) redactor() (r postgres.Redactor) {
	for _, values := range e.at.Header {
		r.Add(values...)
	}
	for _, value := range e.asked.Header {
		r.Add(value)
	}
	return r
}
