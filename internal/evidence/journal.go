package evidence

import (
	"encoding/json"
	"fmt"
)

// JournalSeen is what a store remembers of the journal of writes beside it, so that a start notices one that was lost or put back.
type JournalSeen struct {
	Identity string `json:"identity"` // of the journal; empty if none has had a record
	Seq      uint64 `json:"seq"`      // of its last record that was synced
	// Unreplayed counts the writes that new took and old lacked, unknown ones included.
	Unreplayed int64 `json:"unreplayed"`
	// Missed counts the writes to old that passed unrecorded while the journal could not be opened, and that it has not heard of.
	Missed int64 `json:"missed"`
}

// SetJournal notes what was seen of the journal; the next flush writes it.
func (s *Store) SetJournal(seen JournalSeen) {
	text, _ := json.Marshal(seen) // a string and numbers cannot fail
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.ledger.journal = string(text)
}

// Journal is what SetJournal was last told, by this process or (but for up to FlushInterval) the one before it.
func (s *Store) Journal() (JournalSeen, error) {
	s.ledger.mu.Lock()
	text := s.ledger.journal
	s.ledger.mu.Unlock()
	var seen JournalSeen
	if text == "" {
		return seen, nil
	}
	if err := json.Unmarshal([]byte(text), &seen); err != nil {
		return seen, fmt.Errorf("store %s: what it remembers of the journal: %w", s.path, err)
	}
	return seen, nil
}

// Secrets tells what is a secret in a request or an answer, by the same list for all that is kept of them.
type Secrets struct {
	redactor Redactor
	headers  []string
}

// NewSecrets adds to the usual secrets what the redactor hides, and further headers, in any case.
func NewSecrets(redactor Redactor, headers []string) *Secrets {
	r := newRedaction(&Options{Redactor: redactor, RedactHeaders: headers})
	return &Secrets{redactor: r.redactor, headers: r.headers}
}

// Header reports whether the values of a header field of that name are secrets.
func (s *Secrets) Header(name string) bool { return isSecretHeader(name, s.headers) }

// Parameter reports whether the values of a query parameter of that name are secrets; a part of the name may be escaped.
func (s *Secrets) Parameter(name string) bool { return isSecretParameter(name) }

// Body returns an answer's body without what is secret in it, as far as that can be told; nil if it cannot.
func (s *Secrets) Body(header map[string][]string, body []byte) []byte {
	l := Leg{Header: header, Body: body}
	hiding := redaction{redactor: s.redactor, headers: s.headers, maxBody: maxSampleSource}
	hiding.body(&l)
	return l.Body
}
