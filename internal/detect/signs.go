package detect

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// into decodes a JSON object into v, and reports whether it is one.
func (a *answer) into(v any) bool {
	return a != nil && json.Unmarshal(a.body, v) == nil
}

func (a *asker) convex(ctx context.Context, found *Backend, root *answer) {
	if strings.Contains(string(root.body), "Convex deployment is running") {
		found.recognise(Convex, "its root says that a Convex deployment is running")
		return
	}
	if strings.HasSuffix(a.base.Hostname(), ".convex.cloud") {
		found.recognise(Convex, "its host is of convex.cloud")
		return
	}
	const query = `{"path": "paritygate:probe", "args": {}, "format": "json"}`
	got, _ := a.ask(ctx, http.MethodPost, "/api/query", "application/json", query) // no answer is no sign
	var said struct {
		Status       string          `json:"status"`
		Value        json.RawMessage `json:"value"`
		ErrorMessage *string         `json:"errorMessage"`
	}
	if got.into(&said) && (said.Status == "error" && said.ErrorMessage != nil || said.Status == "success" && said.Value != nil) {
		found.recognise(Convex, "POST /api/query answers as Convex's functions do")
	}
}

func (a *asker) postgrest(ctx context.Context, found *Backend, root *answer) {
	if host := a.base.Hostname(); strings.HasSuffix(host, ".supabase.co") || strings.HasSuffix(host, ".supabase.in") {
		found.recognise(Supabase, "its host is of Supabase")
		found.Prefix = "/rest/v1"
	}
	for _, prefix := range []string{"/rest/v1", ""} {
		got, err := a.ask(ctx, http.MethodGet, prefix+"/", "application/openapi+json, application/json", "")
		if err != nil || got.status == http.StatusNotFound {
			continue // a PostgREST without the prefix knows its error for that as well
		}
		kind, sign := PostgREST, got.postgrest()
		if prefix != "" {
			kind = Supabase
			if sign == "" {
				sign = got.supabase()
			}
		}
		if sign == "" {
			continue
		}
		found.recognise(kind, sign+" at "+prefix+"/")
		if found.Kind == kind {
			found.Prefix = prefix
			found.Reads = got.reads()
			if prefix != "" && (got.status == http.StatusUnauthorized || got.status == http.StatusForbidden) {
				found.Key = "apikey"
			}
		}
		return
	}
	if sign := root.supabase(); sign != "" {
		found.recognise(Supabase, sign)
		found.Prefix = "/rest/v1"
	}
}

// openAPI is what is of use in PostgREST's description of itself.
type openAPI struct {
	Code string `json:"code"`
	Info struct {
		Title       string `json:"title"`
		Description string `json:"description"`
	} `json:"info"`
	ExternalDocs struct {
		URL string `json:"url"`
	} `json:"externalDocs"`
	Paths map[string]map[string]json.RawMessage `json:"paths"`
}

func (a *answer) postgrest() string {
	if strings.HasPrefix(strings.ToLower(a.header.Get("Server")), "postgrest") {
		return "the server calls itself PostgREST"
	}
	var said openAPI
	if !a.into(&said) {
		return ""
	}
	switch {
	case strings.Contains(said.ExternalDocs.URL, "postgrest"), strings.Contains(said.Info.Title+said.Info.Description, "PostgREST"):
		return "PostgREST's OpenAPI document"
	case strings.HasPrefix(said.Code, "PGRST"):
		return "an error of PostgREST"
	}
	return ""
}

// supabase looks for the gateway in front of Supabase's parts.
func (a *answer) supabase() string {
	for name := range a.header {
		if strings.HasPrefix(name, "Sb-") {
			return "the header " + strings.ToLower(name)
		}
	}
	var said struct {
		Message string `json:"message"`
	}
	if a.status == http.StatusUnauthorized && a.into(&said) && strings.HasPrefix(said.Message, "No API key found") {
		return "its gateway asks for an API key"
	}
	return ""
}

// reads are the functions that PostgREST takes by GET: those that are not volatile.
func (a *answer) reads() []string {
	var said openAPI
	if !a.into(&said) {
		return nil
	}
	var names []string
	for path, methods := range said.Paths {
		name, isFunction := strings.CutPrefix(path, "/rpc/")
		if _, get := methods["get"]; isFunction && get && name != "" && !strings.ContainsAny(name, `/{}%"\ `) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (a *asker) firestore(ctx context.Context, found *Backend, _ *answer) {
	if host := a.base.Hostname(); host == "firestore.googleapis.com" || strings.HasSuffix(host, "-firestore.googleapis.com") {
		found.recognise(Firestore, "its host is Firestore's")
		return
	}
	if found.Kind != HTTP {
		return
	}
	for _, path := range []string{"/v1/projects/paritygate/databases/(default)/documents/probe", "/$discovery/rest?version=v1"} {
		got, err := a.ask(ctx, http.MethodGet, path, "application/json", "")
		if err != nil {
			continue
		}
		if sign := got.firestore(); sign != "" {
			found.recognise(Firestore, sign)
			return
		}
	}
}

func (a *answer) firestore() string {
	var said struct {
		Kind  string `json:"kind"`
		Name  string `json:"name"`
		Error struct {
			Code   int    `json:"code"`
			Status string `json:"status"`
		} `json:"error"`
		Documents []struct {
			Name string `json:"name"`
		} `json:"documents"`
	}
	if !a.into(&said) {
		return ""
	}
	switch {
	case said.Kind == "discovery#restDescription" && said.Name == "firestore":
		return "its discovery document is Firestore's"
	case len(said.Documents) > 0 && strings.HasPrefix(said.Documents[0].Name, "projects/"):
		return "it lists documents as Firestore does"
	case said.Error.Code == a.status && googleStatus[said.Error.Status]:
		return "it answers for documents with an error of Google's"
	}
	return ""
}

// googleStatus are the names of errors that Google's APIs may give for a database or document that is not there.
var googleStatus = map[string]bool{
	"NOT_FOUND": true, "PERMISSION_DENIED": true, "UNAUTHENTICATED": true, "INVALID_ARGUMENT": true, "FAILED_PRECONDITION": true,
}

// graphQLPaths are where GraphQL is found, the usual places first: Supabase's, Hasura's, those of frameworks.
var graphQLPaths = []string{"/graphql", "/graphql/v1", "/v1/graphql", "/api/graphql"}

func (a *asker) graphQL(ctx context.Context, found *Backend, _ *answer) {
	if found.Kind == Convex || found.Kind == Firestore {
		return
	}
	paths := graphQLPaths
	if strings.Contains(strings.ToLower(a.base.Path), "graphql") {
		paths = []string{""} // the URL is the endpoint itself
	}
	for _, path := range paths {
		got, err := a.ask(ctx, http.MethodPost, path, "application/json", `{"query": "{__typename}"}`)
		if err != nil || !got.graphQL() {
			continue
		}
		if found.GraphQL = path; path == "" {
			found.GraphQL = "/"
		}
		found.recognise(GraphQL, "POST "+found.GraphQL+" {__typename} is answered")
		return
	}
}

func (a *answer) graphQL() bool {
	var said struct {
		Data struct {
			Typename string `json:"__typename"`
		} `json:"data"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed || !a.into(&said) {
		return false
	}
	return said.Data.Typename != "" || len(said.Errors) > 0 && said.Errors[0].Message != ""
}
