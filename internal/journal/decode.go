package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"
)

// wire is a line, or what is sealed in one, as JSON has it.
type wire struct {
	Seq    uint64    `json:"seq"`
	Synced uint64    `json:"synced"`
	Type   Type      `json:"type"`
	Time   time.Time `json:"time"`
	ID     string    `json:"id"`

	Version       int       `json:"version"`
	Run           string    `json:"run"`
	RunBase64     []byte    `json:"run_base64"`
	Identity      string    `json:"identity"`
	Segment       int       `json:"segment"`
	First         uint64    `json:"first"`
	PreviousBytes int64     `json:"previous_bytes"`
	KeyID         string    `json:"key_id"`
	Snapshot      *Snapshot `json:"snapshot"`

	Epoch          uint64              `json:"epoch"`
	At             Side                `json:"at"`
	Route          string              `json:"route"`
	RouteBase64    []byte              `json:"route_base64"`
	Method         string              `json:"method"`
	Path           string              `json:"path"`
	PathBase64     []byte              `json:"path_base64"`
	Host           string              `json:"host"`
	HostBase64     []byte              `json:"host_base64"`
	Scheme         string              `json:"scheme"`
	Client         string              `json:"client"`
	ClientBase64   []byte              `json:"client_base64"`
	Arrived        time.Time           `json:"arrived"`
	Headers        http.Header         `json:"headers"`
	HeadersBase64  map[string][][]byte `json:"headers_base64"`
	Trailers       http.Header         `json:"trailers"`
	TrailersBase64 map[string][][]byte `json:"trailers_base64"`
	Withheld       []string            `json:"withheld"`
	Idempotent     bool                `json:"idempotent"`
	Spool          string              `json:"spool"`
	Size           int64               `json:"size"`
	SHA256         string              `json:"sha256"`
	Body           string              `json:"body"`
	BodyBase64     []byte              `json:"body_base64"`

	Outcome     Outcome `json:"outcome"`
	Status      int     `json:"status"`
	Whole       bool    `json:"whole"`
	Duration    float64 `json:"duration_seconds"`
	Error       string  `json:"error"`
	ErrorBase64 []byte  `json:"error_base64"`

	To            Side      `json:"to"`
	By            string    `json:"by"`
	ByBase64      []byte    `json:"by_base64"`
	Reason        string    `json:"reason"`
	ReasonBase64  []byte    `json:"reason_base64"`
	Sent          bool      `json:"sent"`
	Repeatable    bool      `json:"repeatable"`
	Through       uint64    `json:"through"`
	Count         int64     `json:"count"`
	From          time.Time `json:"from"`
	Differs       string    `json:"differs"`
	DiffersBase64 []byte    `json:"differs_base64"`

	Sealed []byte `json:"sealed"`
}

var errLine = errors.New("it is no record: a line begins with its checksum")

// decodeLine reads a line without its newline. Where something is sealed it is opened with s; without s the record says that it is sealed,
// and lacks what is private.
func decodeLine(line []byte, s *sealer) (Record, error) {
	if err := verifyChecksum(line); err != nil {
		return Record{}, err
	}
	var w wire
	if err := json.Unmarshal(line, &w); err != nil {
		return Record{}, fmt.Errorf("its checksum is right, its JSON is not: %w", err)
	}
	r := Record{Seq: w.Seq, Synced: w.Synced, Type: w.Type, Time: w.Time, ID: w.ID, Sealed: len(w.Sealed) != 0}
	if r.Sealed && s != nil {
		plain, err := s.open(w.Sealed, recordContext(s.identity, r.Seq, r.Type))
		if err != nil {
			return Record{}, err
		}
		if err := json.Unmarshal(plain, &w); err != nil {
			return Record{}, fmt.Errorf("what is sealed in it is no JSON: %w", err)
		}
		r.Sealed = false
	}
	return r, w.fill(&r)
}

// verifyChecksum proves a line without its newline.
func verifyChecksum(line []byte) error {
	if len(line) <= crcStart || string(line[:len(crcPrefix)]) != crcPrefix || string(line[crcStart-2:crcStart]) != `",` {
		return errLine
	}
	said, is := line[len(crcPrefix):crcStart-2], checksum(line)
	if string(is[:]) != string(said) {
		return fmt.Errorf("its checksum is %s, and it says %q", is, said)
	}
	return nil
}

// fill sets what the record's type has.
func (w *wire) fill(r *Record) error {
	switch r.Type {
	case HeaderRecord:
		if w.Version > formatVersion {
			return fmt.Errorf("%w: its version is %d, and this program reads up to %d; use a newer one", ErrVersion, w.Version, formatVersion)
		}
		r.Header = &SegmentHeader{
			Version: w.Version, Run: either(w.Run, w.RunBase64), Identity: w.Identity, Segment: w.Segment, First: w.First, Created: w.Time,
			PreviousBytes: w.PreviousBytes, KeyID: w.KeyID, Snapshot: w.Snapshot,
		}
		return nil
	case IntentRecord:
		r.Write = w.write()
	case OutcomeRecord, BodyRecord:
		r.Answer = w.answer()
	case SentRecord:
		r.Answer, r.Mark = w.answer(), w.mark()
	case SendingRecord, ResolvedRecord, DiscardedRecord, GapRecord:
		r.Mark = w.mark()
	default:
		return fmt.Errorf("its type is %q, which this program does not know", r.Type)
	}
	if r.Seq == 0 {
		return errors.New("it has no number")
	}
	return nil
}

func (w *wire) write() *Write {
	out := &Write{
		At: w.At, Epoch: w.Epoch, Time: w.Arrived, Route: either(w.Route, w.RouteBase64), Method: w.Method, Target: either(w.Path, w.PathBase64),
		Host: either(w.Host, w.HostBase64), Scheme: w.Scheme, Client: either(w.Client, w.ClientBase64), Header: w.fields(),
		Trailer: decodeFields(w.Trailers, w.TrailersBase64), Withheld: w.Withheld, Idempotent: w.Idempotent,
	}
	if w.Spool != "" {
		out.Spool = &Spool{Path: w.Spool, Size: w.Size, SHA256: w.SHA256}
		return out
	}
	out.Body = w.body()
	return out
}

func (w *wire) answer() *Answer {
	return &Answer{
		Outcome: w.Outcome, Status: w.Status, Header: w.fields(), Body: w.body(), Size: w.Size, SHA256: w.SHA256, Whole: w.Whole,
		Duration: time.Duration(math.Round(w.Duration * float64(time.Second))), Error: either(w.Error, w.ErrorBase64),
	}
}

func (w *wire) mark() *Mark {
	return &Mark{
		To: w.To, By: either(w.By, w.ByBase64), Reason: either(w.Reason, w.ReasonBase64), Sent: w.Sent, Repeatable: w.Repeatable,
		Through: w.Through, Count: w.Count, From: w.From, Differs: either(w.Differs, w.DiffersBase64),
	}
}

// fields joins what stands as text and what stands in base64.
func (w *wire) fields() http.Header {
	h := decodeFields(w.Headers, w.HeadersBase64)
	if h == nil && w.Type == IntentRecord {
		h = http.Header{}
	}
	return h
}

func decodeFields(h http.Header, encoded map[string][][]byte) http.Header {
	if h == nil && encoded != nil {
		h = make(http.Header, len(encoded))
	}
	for name, values := range encoded {
		for _, v := range values {
			h[name] = append(h[name], string(v))
		}
	}
	return h
}

func (w *wire) body() []byte {
	if w.BodyBase64 != nil {
		return w.BodyBase64
	}
	if w.Body != "" {
		return []byte(w.Body)
	}
	return nil
}

func either(text string, encoded []byte) string {
	if encoded != nil {
		return string(encoded)
	}
	return text
}
