package journal

import (
	"encoding/base64"
	"encoding/json"
	"hash/crc32"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// A line is
//
//	{"crc32c":"0a1b2c3d","seq":17,"type":"intent",…}
//
// with the CRC-32C, in eight lower-case hexadecimal digits, of all that follows the comma behind it, without the newline. The members are
// flat, so that jq users need not dig. A string that is no UTF-8 stands in base64, as NAME_base64. What is private stands, if there is a key,
// in `sealed`, which holds members of the same names (seal.go).

const (
	formatVersion = 1
	crcPrefix     = `{"crc32c":"`
	crcDigits     = 8
	// crcStart is where the bytes begin that the checksum covers.
	crcStart = len(crcPrefix) + crcDigits + len(`",`)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// private is what of a record must not be on the disk in clear.
type private struct {
	Target string // the whole one, if the clear one has values replaced
	// Header and Trailer are the fields that carry credentials.
	Header, Trailer http.Header
	Body            []byte
}

func (p *private) empty() bool {
	return p.Target == "" && len(p.Header) == 0 && len(p.Trailer) == 0 && len(p.Body) == 0
}

// draft is a record that is encoded but for what is only known when its turn comes: its number, and what that is sealed with.
type draft struct {
	kind  Type
	about string // the id of the write that it is about; empty: it is named by its own number
	tail  []byte // the members from `type` on, without the closing brace
	plain []byte // what is sealed, as JSON; nil: nothing is
}

// newDraft encodes a record. Of a write and an answer it takes every field as it may be seen; hidden is what is sealed.
func newDraft(b []byte, r *Record, hidden *private) draft {
	b = append(append(append(b, `"type":"`...), r.Type...), '"')
	b = appendTime(b, "time", r.Time)
	switch {
	case r.Header != nil:
		b = appendHeader(b, r.Header)
	case r.Write != nil:
		b = appendWrite(b, r.Write)
	case r.Answer != nil:
		b = appendAnswer(b, r.Answer)
	}
	if r.Mark != nil {
		b = appendMark(b, r.Mark)
	}
	d := draft{kind: r.Type, about: r.ID, tail: b}
	if hidden != nil && !hidden.empty() {
		plain := append(make([]byte, 0, 64+len(hidden.Target)+2*len(hidden.Body)), `{"v":1`...)
		plain = appendText(plain, "path", hidden.Target)
		plain = appendFields(plain, hidden.Header)
		plain = appendNamedFields(plain, "trailers", hidden.Trailer)
		d.plain = append(appendBytes(plain, hidden.Body), '}')
	}
	return d
}

// appendLine appends the draft's line, with its newline. synced is 0 on all but the first record of a batch.
func (d *draft) appendLine(b []byte, identity string, seq, synced uint64, s *sealer) ([]byte, error) {
	begin := len(b)
	b = append(b, crcPrefix+"00000000\","...)
	if d.kind != HeaderRecord {
		b = append(b, `"seq":`...)
		b = strconv.AppendUint(b, seq, 10)
		if synced != 0 {
			b = appendUint(b, "synced", synced)
		}
		b = append(b, `,"id":"`...)
		if d.about != "" {
			b = append(b, d.about...)
		} else {
			b = strconv.AppendUint(append(append(b, identity...), '-'), seq, 10)
		}
		b = append(b, `",`...)
	}
	b = append(b, d.tail...)
	if d.plain != nil {
		sealed, err := s.seal(d.plain, recordContext(identity, seq, d.kind))
		if err != nil {
			return b[:begin], err
		}
		b = append(b, `,"sealed":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, sealed), '"')
	}
	b = append(b, '}')
	putChecksum(b[begin:])
	return append(b, '\n'), nil
}

// putChecksum fills in the checksum of a line without its newline.
func putChecksum(line []byte) {
	sum := checksum(line)
	copy(line[len(crcPrefix):], sum[:])
}

// checksum is that of a line without its newline, in hexadecimal digits.
func checksum(line []byte) (text [crcDigits]byte) {
	const digits = "0123456789abcdef"
	sum := crc32.Checksum(line[crcStart:], castagnoli)
	for i := crcDigits - 1; i >= 0; i-- {
		text[i] = digits[sum&15]
		sum >>= 4
	}
	return text
}

func appendHeader(b []byte, h *SegmentHeader) []byte {
	b = appendUint(b, "version", uint64(h.Version))
	b = appendText(b, "run", h.Run)
	b = appendText(b, "identity", h.Identity)
	b = appendUint(b, "segment", uint64(h.Segment))
	b = appendUint(b, "first", h.First)
	b = appendUint(b, "previous_bytes", uint64(h.PreviousBytes))
	b = appendText(b, "key_id", h.KeyID)
	if h.Snapshot != nil {
		if snapshot, err := json.Marshal(h.Snapshot); err == nil { // it has nothing that has no JSON
			b = append(append(b, `,"snapshot":`...), snapshot...)
		}
	}
	return b
}

func appendWrite(b []byte, w *Write) []byte {
	b = appendUint(b, "epoch", w.Epoch)
	b = appendText(b, "at", string(w.At))
	b = appendText(b, "route", w.Route)
	b = appendText(b, "method", w.Method)
	b = appendText(b, "path", w.Target)
	b = appendText(b, "host", w.Host)
	b = appendText(b, "scheme", w.Scheme)
	b = appendText(b, "client", w.Client)
	b = appendTime(b, "arrived", w.Time)
	b = appendFields(b, w.Header)
	b = appendNamedFields(b, "trailers", w.Trailer)
	if len(w.Withheld) != 0 {
		b = append(b, `,"withheld":[`...)
		for i, name := range w.Withheld {
			if i != 0 {
				b = append(b, ',')
			}
			b = appendString(b, name)
		}
		b = append(b, ']')
	}
	if w.Idempotent {
		b = append(b, `,"idempotent":true`...)
	}
	if w.Spool != nil {
		b = appendText(b, "spool", w.Spool.Path)
		b = appendInt(b, "size", w.Spool.Size)
		return appendText(b, "sha256", w.Spool.SHA256)
	}
	return appendBytes(b, w.Body)
}

func appendAnswer(b []byte, a *Answer) []byte {
	b = appendText(b, "outcome", string(a.Outcome))
	if a.Status != 0 {
		b = appendInt(b, "status", int64(a.Status))
	}
	b = appendFields(b, a.Header)
	b = appendInt(b, "size", a.Size)
	b = appendText(b, "sha256", a.SHA256)
	if a.Whole {
		b = append(b, `,"whole":true`...)
	}
	b = append(b, `,"duration_seconds":`...)
	b = strconv.AppendFloat(b, a.Duration.Seconds(), 'f', -1, 64)
	b = appendText(b, "error", a.Error)
	return appendBytes(b, a.Body)
}

func appendMark(b []byte, m *Mark) []byte {
	b = appendText(b, "to", string(m.To))
	b = appendText(b, "by", m.By)
	b = appendText(b, "reason", m.Reason)
	if m.Sent {
		b = append(b, `,"sent":true`...)
	}
	if m.Repeatable {
		b = append(b, `,"repeatable":true`...)
	}
	if m.Through != 0 {
		b = appendUint(b, "through", m.Through)
	}
	if m.Count != 0 {
		b = appendInt(b, "count", m.Count)
	}
	if !m.From.IsZero() {
		b = appendTime(b, "from", m.From)
	}
	return appendText(b, "differs", m.Differs)
}

// appendFields appends the header's fields in the order of their names: lists of values, since a field may come several times.
func appendFields(b []byte, h http.Header) []byte { return appendNamedFields(b, "headers", h) }

func appendNamedFields(b []byte, member string, h http.Header) []byte {
	if len(h) == 0 {
		return b
	}
	var space [32]string
	names := space[:0]
	text := true
	for name, values := range h {
		names = append(names, name)
		for _, v := range values {
			text = text && utf8.ValidString(v)
		}
	}
	slices.Sort(names)
	if text {
		b = append(append(append(b, `,"`...), member...), `":{`...)
	} else {
		b = append(append(append(b, `,"`...), member...), `_base64":{`...)
	}
	for i, name := range names {
		if i != 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':', '[')
		for j, v := range h[name] {
			if j != 0 {
				b = append(b, ',')
			}
			if text {
				b = appendString(b, v)
			} else {
				b = append(b, '"')
				b = base64.StdEncoding.AppendEncode(b, []byte(v))
				b = append(b, '"')
			}
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendBytes appends a body: as text where it is text, else in base64; an empty one not at all.
func appendBytes(b, body []byte) []byte {
	if len(body) == 0 {
		return b
	}
	if isText(body) {
		b = append(b, `,"body":`...)
		return appendString(b, body)
	}
	b = append(b, `,"body_base64":"`...)
	b = base64.StdEncoding.AppendEncode(b, body)
	return append(b, '"')
}

// isText reports whether the body is UTF-8 without controls, which would make it six times as long.
func isText(body []byte) bool {
	for _, c := range body {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return utf8.Valid(body)
}

// appendText appends a member unless it is empty.
func appendText(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(b, `,"`...), name...)
	if utf8.ValidString(value) {
		return appendString(append(b, `":`...), value)
	}
	b = base64.StdEncoding.AppendEncode(append(b, `_base64":"`...), []byte(value))
	return append(b, '"')
}

func appendUint(b []byte, name string, value uint64) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendUint(b, value, 10)
}

func appendInt(b []byte, name string, value int64) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, value, 10)
}

func appendTime(b []byte, name string, at time.Time) []byte {
	b = append(append(append(b, `,"`...), name...), `":"`...)
	return append(at.UTC().AppendFormat(b, time.RFC3339Nano), '"')
}

// appendString appends valid UTF-8 as a JSON string.
func appendString[T string | []byte](b []byte, s T) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		from = i + 1
	}
	return append(append(b, s[from:]...), '"')
}
