package admin

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Recorder shows the writes in the journal, and takes what an operator says of them.
type Recorder interface {
	// Records returns up to Limit writes that the query asks for, the oldest first.
	Records(ctx context.Context, query RecordQuery) (Records, error)
	// Resolve records whether the other side has a write. CodeNotFound for one that is not there, CodeConflict for one of which it is known
	// already, or that is under way.
	Resolve(ctx context.Context, change Change, id string, sent bool) (Record, error)
}

// RecordQuery selects writes in the journal. An empty field selects all.
type RecordQuery struct {
	// Unknown are those that an operator decides on, Unsent those that the next replay sends. With both, either.
	Unknown, Unsent bool
	Path            string    // what the path begins with
	Since           time.Time // of the arrival
	After           uint64    // the Seq of the last one that is known already
	Limit           int       // 1 to MaxLimit; 0 leaves it to the server
}

// Records is a page of the journal.
type Records struct {
	Records []Record `json:"records"`
	// Damage says where the journal cannot be read: what stands behind that place in its segment is not listed. Empty: nowhere.
	Damage string `json:"damage,omitempty"`
}

// Record is a write in the journal, without its header fields and bodies.
type Record struct {
	ID     string    `json:"id"`
	Seq    uint64    `json:"seq"`
	Time   time.Time `json:"time"`
	Epoch  uint64    `json:"epoch"`
	At     string    `json:"at"` // the backend that it was forwarded to
	Route  string    `json:"route"`
	Method string    `json:"method"`
	// Path is that with the query, without the values of parameters that are secret.
	Path   string `json:"path"`
	Client string `json:"client,omitempty"`
	// Outcome is acknowledged, rejected, not_sent or unknown, and open while the write is in flight. Status is 0 where there was none, and
	// Error says why.
	Outcome string `json:"outcome"`
	Status  int    `json:"status"`
	Error   string `json:"error,omitempty"`
	// Carried is what became of it at the other backend: -, unsent, sending, sent, resolved, discarded or unknown.
	Carried string `json:"carried"`
	// Forced says that an operator wants it sent also where the other backend wrote to the same thing since.
	Forced bool `json:"forced,omitempty"`
	// Missing is how many writes are in no record; then this is none, but says where they would be.
	Missing int64 `json:"missing,omitempty"`
}

func (s *server) getRecords(r *http.Request) (any, error) {
	q := readQuery(r.URL, "unknown", "unsent", "path", "since", "after", "limit")
	query := RecordQuery{
		Unknown: q.boolean("unknown"), Unsent: q.boolean("unsent"), Path: q.text("path"), Since: q.instant("since"),
		After: uint64(q.number("after", 0, 0, math.MaxInt64)), Limit: q.limit(),
	}
	if q.err != nil {
		return nil, q.err
	}
	records, err := s.service.Records(r.Context(), query)
	records.Records = filled(records.Records)
	return records, err
}

// instant reads an RFC 3339 time.
func (q *query) instant(name string) time.Time {
	if !q.values.Has(name) {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, q.values.Get(name))
	if err != nil {
		q.refuse("%s: must be a time such as 2026-01-31T09:30:00Z, not %q", name, shorten(q.values.Get(name)))
	}
	return t
}

func (s *server) resolve(r *http.Request) (any, error) {
	change := Change{Actor: actor(r)}
	var id string
	var sent *bool
	err := decodeBody(r, false, fields{"id": &id, "sent": &sent, "reason": &change.Reason, "epoch": &change.Epoch})
	switch {
	case err != nil:
		return nil, err
	case id == "":
		return nil, Errorf(CodeBadRequest, "id: is needed, the write's, as GET /v1/journal lists it")
	case sent == nil:
		return nil, Errorf(CodeBadRequest, "sent: is needed: true if the other backend has the write or must not get it, false if it lacks it")
	}
	return s.service.Resolve(r.Context(), change, id, *sent)
}

// Records returns a page of the writes in the journal.
func (c *Client) Records(ctx context.Context, q RecordQuery) (Records, error) {
	query := url.Values{}
	for name, set := range map[string]bool{"unknown": q.Unknown, "unsent": q.Unsent} {
		if set {
			query.Set(name, "true")
		}
	}
	if q.Path != "" {
		query.Set("path", q.Path)
	}
	if !q.Since.IsZero() {
		query.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	if q.After != 0 {
		query.Set("after", strconv.FormatUint(q.After, 10))
	}
	if q.Limit != 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	return get[Records](ctx, c, "journal", query)
}

// Resolve says whether the other backend has a write: sent if it has it or must not get it.
func (c *Client) Resolve(ctx context.Context, change Change, id string, sent bool) (Record, error) {
	return post[Record](ctx, c, "journal/resolve", resolveBody{id, sent, change.Reason, change.Epoch})
}

type resolveBody struct {
	ID     string  `json:"id"`
	Sent   bool    `json:"sent"`
	Reason string  `json:"reason,omitempty"`
	Epoch  *uint64 `json:"epoch,omitempty"`
}
