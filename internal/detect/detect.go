package detect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Kind is what a backend is.
type Kind string

// The kinds of backend.
const (
	HTTP      Kind = "http" // any other
	Supabase  Kind = "supabase"
	PostgREST Kind = "postgrest"
	Convex    Kind = "convex"
	Firestore Kind = "firestore"
	GraphQL   Kind = "graphql" // and nothing else that is known
)

// Backend is what was found behind a URL.
type Backend struct {
	Kind Kind
	// Signs say by what it was recognised, in words; empty for HTTP.
	Signs []string
	// Prefix is where PostgREST's paths begin: /rest/v1 or nothing.
	Prefix string
	// Reads are PostgREST's functions that only read, by name, as its OpenAPI document tells; empty where it does not.
	Reads []string
	// GraphQL is the path that answers GraphQL, beside what else there is; empty if none.
	GraphQL string
	// Key is the header in which it asks for a key; empty if it did not.
	Key string
}

const (
	// patience bounds one request.
	patience = 5 * time.Second
	// maxBody bounds an answer, in bytes: an OpenAPI document of a large schema.
	maxBody = 8 << 20
)

// errReachable wraps what keeps a backend from answering at all.
var errReachable = errors.New("cannot be reached")

// Ask asks the backend at base, with these header fields in every request. An error means that it does not answer HTTP.
func Ask(ctx context.Context, base *url.URL, header http.Header) (Backend, error) {
	a := &asker{base: base, header: header, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 1, ForceAttemptHTTP2: true},
		Timeout:   patience,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // another backend than the one that was named
		},
	}}
	defer a.client.CloseIdleConnections()
	root, err := a.ask(ctx, http.MethodGet, "/", "", "")
	if err != nil {
		return Backend{}, err
	}
	found := Backend{Kind: HTTP}
	for _, look := range []func(context.Context, *Backend, *answer){a.convex, a.postgrest, a.firestore, a.graphQL} {
		look(ctx, &found, root)
	}
	return found, ctx.Err()
}

// recognise names the kind, unless an earlier sign named one.
func (b *Backend) recognise(kind Kind, sign string) {
	if b.Kind == HTTP || b.Kind == kind {
		b.Kind = kind
		b.Signs = append(b.Signs, sign)
	}
}

// asker asks one backend.
type asker struct {
	base   *url.URL
	header http.Header
	client *http.Client
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request to a path below the backend's.
func (a *asker) ask(ctx context.Context, method, path, accept, body string) (*answer, error) {
	path, query, _ := strings.Cut(path, "?")
	u := *a.base
	u.Path, u.RawPath, u.RawQuery = strings.TrimSuffix(u.Path, "/")+path, "", query
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range a.header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "paritygate")
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errReachable, cause(err))
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errReachable, err)
	}
	return &answer{resp.StatusCode, resp.Header, data}, nil
}

// cause leaves out the method and the URL, which whoever asked knows.
func cause(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
