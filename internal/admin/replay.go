package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Replayer carries writes to the side that lacks them. One replay runs at a time; it belongs to the process, not to who began it.
type Replayer interface {
	// StartReplay begins a replay and returns at once. CodeWrongPhase outside of rolled_back, CodeConflict while one runs.
	StartReplay(ctx context.Context, change Change, request ReplayRequest) (Replay, error)
	// Replay returns the replay that runs, or the last one since the process began.
	Replay(ctx context.Context) (Replay, error)
	// StopReplay asks the one that runs to stop behind what is under way.
	StopReplay(ctx context.Context, change Change) (Replay, error)
}

// ReplayRequest says what a replay is to do.
type ReplayRequest struct {
	To     string `json:"to"`             // old or new
	From   string `json:"from,omitempty"` // the id of the write to begin with; empty: the oldest
	DryRun bool   `json:"dry_run,omitempty"`
	// Rate is how many writes a second may start, 0 without a limit; Concurrency how many are under way at once, 0 for the default.
	Rate        float64 `json:"rate,omitempty"`
	Concurrency int     `json:"concurrency,omitempty"`
	// ContinueOn are statuses that count as sent whatever was recorded, and `conflict`.
	ContinueOn []string `json:"continue_on,omitempty"`
}

// The states of a replay.
const (
	ReplayNone     = "none" // there was none since the process began
	ReplayRunning  = "running"
	ReplayStopping = "stopping" // it was asked to, and waits for what is under way
	ReplayEnded    = "ended"
)

// Replay is how far a replay is, or what it came to.
type Replay struct {
	State     string    `json:"state"`
	To        string    `json:"to,omitempty"`
	DryRun    bool      `json:"dry_run"`
	Actor     string    `json:"actor,omitempty"`
	Began     time.Time `json:"began,omitzero"`
	Seconds   float64   `json:"seconds"`
	Total     int64     `json:"total"` // writes to be sent
	Sent      int64     `json:"sent"`
	InFlight  int       `json:"in_flight"`
	PerSecond float64   `json:"per_second"` // sent, since it began
	// ETASeconds is nil while it cannot be told.
	ETASeconds *float64 `json:"eta_seconds"`
	// Away says why the backend cannot be reached at the moment; empty if it can.
	Away string `json:"away,omitempty"`
	// Withheld names credentials that were not kept of writes, and that journal.replay.headers does not give.
	Withheld []string `json:"withheld,omitempty"`
	// Error says why it could not begin; Summary is nil then, and while it runs.
	Error   string         `json:"error,omitempty"`
	Summary *ReplaySummary `json:"summary"`
}

// ReplaySummary is what a replay came to, or what a dry run says it would.
type ReplaySummary struct {
	To     string `json:"to"`
	DryRun bool   `json:"dry_run"`
	Total  int64  `json:"total"` // writes that were to be sent
	Sent   int64  `json:"sent"`
	// Accepted of the sent ones were answered in another class than was recorded, with a status to continue on.
	Accepted int64 `json:"accepted"`
	Skipped  int64 `json:"skipped"` // before `from`, or resolved meanwhile
	Left     int64 `json:"left"`    // acknowledged, and still to be sent
	Unknown  int64 `json:"unknown"` // an operator has to decide on them
	// Conflicts are writes to what the target has changed since. A replay stops at the first, a dry run counts them.
	Conflicts  int64         `json:"conflicts"`
	IDsChanged int64         `json:"ids_changed"`
	Changed    []ReplayID    `json:"changed"` // the first of them
	Seconds    float64       `json:"seconds"`
	Stopped    *ReplayStop   `json:"stopped"` // nil: it went through
	Routes     []ReplayRoute `json:"routes,omitempty"`
	// Withheld is how many writes lack a credential that was not kept; of a dry run, as are the last two.
	Withheld        int64        `json:"withheld,omitempty"`
	EstimateSeconds float64      `json:"estimate_seconds,omitempty"`
	Obstacles       []ReplayStop `json:"obstacles,omitempty"` // the first conflicts
}

// ReplayStop is what stopped a replay. Code is one of conflict, renamed, status, unanswered, away, damage, interrupted, phase,
// journal, failed.
type ReplayStop struct {
	Code    string `json:"code"`
	ID      string `json:"id,omitempty"` // of the write
	Message string `json:"message"`
}

// ReplayID is a write for which the target made another id than was recorded.
type ReplayID struct {
	ID      string `json:"id"`
	Method  string `json:"method"`
	Path    string `json:"path"`
	Differs string `json:"differs"`
}

// ReplayRoute is how many writes of a route and method there are.
type ReplayRoute struct {
	Route  string `json:"route"`
	Method string `json:"method"`
	Count  int64  `json:"count"`
}

func (s *server) startReplay(r *http.Request) (any, error) {
	change := Change{Actor: actor(r)}
	var q ReplayRequest
	var rate, concurrency number
	err := decodeBody(r, false, fields{
		"to": &q.To, "from": &q.From, "dry_run": &q.DryRun, "rate": &rate, "concurrency": &concurrency, "continue_on": &q.ContinueOn,
		"epoch": &change.Epoch,
	})
	switch {
	case err != nil:
		return nil, err
	case q.To != "old" && q.To != "new":
		return nil, Errorf(CodeBadRequest, "to: must be old or new, the side that gets the writes of the other one")
	case rate < 0:
		return nil, Errorf(CodeBadRequest, "rate: must be 0 or more writes a second")
	case concurrency < 0 || concurrency != number(int(concurrency)):
		return nil, Errorf(CodeBadRequest, "concurrency: must be a whole number")
	}
	q.Rate, q.Concurrency = float64(rate), int(concurrency)
	return s.service.StartReplay(r.Context(), change, q)
}

func (s *server) getReplay(r *http.Request) (any, error) {
	if q := readQuery(r.URL); q.err != nil {
		return nil, q.err
	}
	return s.service.Replay(r.Context())
}

func (s *server) stopReplay(r *http.Request) (any, error) {
	return s.service.StopReplay(r.Context(), Change{Actor: actor(r)})
}

// StartReplay begins a replay, and returns at once.
func (c *Client) StartReplay(ctx context.Context, change Change, request ReplayRequest) (Replay, error) {
	return post[Replay](ctx, c, "journal/replay", struct {
		ReplayRequest
		Epoch *uint64 `json:"epoch,omitempty"`
	}{request, change.Epoch})
}

// Replay returns the replay that runs, or the last one.
func (c *Client) Replay(ctx context.Context) (Replay, error) {
	return get[Replay](ctx, c, "journal/replay", url.Values{})
}

// StopReplay asks the replay that runs to stop behind what is under way.
func (c *Client) StopReplay(ctx context.Context) (Replay, error) {
	return invoke[Replay](ctx, c, http.MethodDelete, "journal/replay", nil, nil)
}
