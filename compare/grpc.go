package compare

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// The fields in which gRPC says how a call ended. They stand in the trailers, or in the header if there are no messages.
const (
	grpcStatus  = "Grpc-Status"
	grpcMessage = "Grpc-Message"
)

// Bits of the flags in front of a frame.
const (
	frameCompressed = 1 << 0
	frameTrailers   = 1 << 7 // of gRPC-Web alone
	framePrefix     = 5      // flags and length
)

// callEnds are the paths of the fields that every call has, which are compared whether they are chosen or not.
var callEnds = []string{lower(grpcStatus), lower(grpcMessage)}

// isCall reports whether one of two answers is gRPC.
func isCall(old, new *Answer) bool { return old.isCall() || new.isCall() }

func (a *Answer) isCall() bool {
	const prefix = "application/grpc"
	declared := a.contentType()
	return len(declared) >= len(prefix) && strings.EqualFold(declared[:len(prefix)], prefix) && a.format() == formatGRPC
}

// compareEnds compares how two calls ended, and reports whether they ended alike: otherwise what their messages say is only a
// consequence.
func (c *Comparer) compareEnds(old, new *Answer, rec *recorder) bool {
	for _, name := range []string{grpcStatus, grpcMessage} {
		a, b := old.field(name), new.field(name)
		d := Difference{Location: InHeader, Path: lower(name), Kind: KindValue, Old: headerText(a), New: headerText(b)}
		switch {
		case slices.EqualFunc(a, b, func(a, b string) bool { return plainMessage(a) == plainMessage(b) }):
			continue
		case len(b) == 0:
			d.Kind = KindMissing
		case len(a) == 0:
			d.Kind = KindExtra
		}
		rule := slices.IndexFunc(c.rules.rules, func(r rule) bool { return r.header == d.Path })
		if c.differInHeader(rec, rule, d) && name == grpcStatus {
			return false
		}
	}
	return true
}

// plainMessage undoes the percent-encoding of a field's value.
func plainMessage(value string) string {
	value = trimSpace(value)
	if text, err := url.PathUnescape(value); err == nil {
		return text
	}
	return value
}

// withTrailers returns an answer with the trailers that gRPC-Web has in its body.
func (a *Answer) withTrailers(limit int64) *Answer {
	p := a.part(nil)
	if !strings.HasPrefix(p.media, "application/grpc-web") || !a.Whole() || len(a.Body) == 0 {
		return a
	}
	d, err := decode(a.Body, a.encoding(), limit, nil)
	if err != nil {
		return a
	}
	defer d.release()
	p.body = d.body
	call, err := readCall(&p, limit)
	if err != nil || len(call.trailers) == 0 {
		return a
	}
	b := *a
	b.Trailer = make(map[string][]string, len(call.trailers)+len(a.Trailer))
	for _, from := range []map[string][]string{a.Trailer, call.trailers} {
		for name, values := range from {
			b.Trailer[name] = append(slices.Clone(b.Trailer[name]), values...)
		}
	}
	return &b
}

// field returns the values of a header, those in the trailers last.
func (a *Answer) field(canonical string) []string {
	values := a.Header[canonical]
	if len(a.Trailer) == 0 {
		return values
	}
	if behind := a.Trailer[canonical]; len(values) == 0 {
		return behind
	} else if len(behind) > 0 {
		return slices.Concat(values, behind)
	}
	return values
}

// call is what a gRPC body holds.
type call struct {
	messages [][]byte
	trailers map[string][]string // of gRPC-Web; nil if there are none
}

// readCall reads frames. The error is a *syntaxError or errTooComplex.
func readCall(p *part, limit int64) (*call, error) {
	body := p.body
	if strings.HasPrefix(p.media, "application/grpc-web-text") {
		var err error
		if body, err = fromBase64(body); err != nil {
			return nil, err
		}
	}
	out := &call{}
	var coding encoding
	if values := p.answer.field("Grpc-Encoding"); len(values) > 0 {
		coding = encoding(lower(trimSpace(values[0])))
	}
	for at := 0; at < len(body); {
		if len(body)-at < framePrefix {
			return nil, &syntaxError{at, "unexpected end in a frame"}
		}
		flags, n := body[at], int64(binary.BigEndian.Uint32(body[at+1:]))
		switch {
		case flags&^(frameCompressed|frameTrailers) != 0, out.trailers != nil,
			flags&frameTrailers != 0 && !strings.HasPrefix(p.media, "application/grpc-web"):
			return nil, &syntaxError{at, "a frame of an unknown kind"}
		case n > int64(len(body)-at-framePrefix):
			return nil, &syntaxError{at, "unexpected end in a frame"}
		}
		start := at
		at += framePrefix
		message := body[at : at+int(n)]
		at += int(n)
		if flags&frameCompressed != 0 {
			var err error
			if message, err = inflateMessage(message, coding, limit, start); err != nil {
				return nil, err
			}
			limit -= int64(len(message))
		}
		if flags&frameTrailers != 0 {
			out.trailers = readTrailers(message)
			continue
		}
		if out.messages = append(out.messages, message); len(out.messages) > maxElements {
			return nil, errTooComplex
		}
	}
	return out, nil
}

// inflateMessage returns a message without its compression.
func inflateMessage(message []byte, coding encoding, limit int64, at int) ([]byte, error) {
	if coding == identity || coding == "identity" {
		return nil, &syntaxError{at, "a compressed message without a grpc-encoding"}
	}
	d, err := decode(message, coding, limit, nil)
	switch {
	case damaged(err):
		return nil, &syntaxError{at, "a message that is " + err.Error()}
	case err != nil:
		return nil, errTooComplex
	}
	defer d.release()
	return bytes.Clone(d.body), nil
}

// readTrailers reads fields as HTTP/1 writes them. A line without a colon is a field without a value.
func readTrailers(text []byte) map[string][]string {
	trailers := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			name, value, _ := strings.Cut(line, ":")
			name = canonical(trimSpace(name))
			trailers[name] = append(trailers[name], trimSpace(value))
		}
	}
	return trailers
}

// fromBase64 undoes the base64 of a text of gRPC-Web, in which several texts may follow one another, each with its padding.
func fromBase64(text []byte) ([]byte, error) {
	out := make([]byte, 0, len(text)/4*3)
	for at := 0; at < len(text); {
		end := at
		for end < len(text) && text[end] != '=' {
			end++
		}
		for end < len(text) && text[end] == '=' {
			end++
		}
		next, err := base64.StdEncoding.AppendDecode(out, text[at:end])
		if err != nil {
			return nil, &syntaxError{at, "not valid base64"}
		}
		out, at = next, end
	}
	return out, nil
}

// compareGRPC compares the messages of two calls, one by one. Where there are several on a side a message's place is its index.
func compareGRPC(c *Comparer, old, new part, rec *recorder) outcome {
	a, oldErr := readCall(&old, c.maxDecoded)
	b, newErr := readCall(&new, c.maxDecoded)
	switch {
	case errors.Is(oldErr, errTooComplex) || errors.Is(newErr, errTooComplex):
		return outcome{tooComplex: true}
	case oldErr != nil || newErr != nil:
		return outcome{old: oldErr, new: newErr}
	}
	if c.root != none && rec.origin == nil && c.rules.rules[c.root].ignore != IgnoreNothing {
		if !slices.EqualFunc(a.messages, b.messages, bytes.Equal) {
			rec.forgive(c.root, len(c.rules.rules))
		}
		return outcome{}
	}
	here := rec.origin
	defer func() { rec.origin = here }()
	several := len(a.messages) > 1 || len(b.messages) > 1
	head, tail := 0, 0
	if !c.rules.renames {
		head, tail = equalEnds(a.messages, b.messages)
	}
	for i := head; i < max(len(a.messages), len(b.messages))-tail; i++ {
		if several {
			rec.origin = here.part(i)
		}
		var o outcome
		switch {
		case i >= len(b.messages)-tail:
			c.differInBody(rec, KindMissing, "$", old.showMessage(a.messages[i]), "")
		case i >= len(a.messages)-tail:
			c.differInBody(rec, KindExtra, "$", "", new.showMessage(b.messages[i]))
		default:
			o = c.compareMessages(old.message(a.messages[i]), new.message(b.messages[i]), rec)
		}
		if o.tooComplex {
			return o
		}
	}
	return outcome{}
}

// equalEnds returns how many messages are equal at the beginning and at the end of two lists. Those at the end are only asked for if
// the lists differ in length.
func equalEnds(a, b [][]byte) (head, tail int) {
	short := min(len(a), len(b))
	for head < short && bytes.Equal(a[head], b[head]) {
		head++
	}
	for len(a) != len(b) && tail < short-head && bytes.Equal(a[len(a)-1-tail], b[len(b)-1-tail]) {
		tail++
	}
	return head, tail
}

// message returns a message of a call's body as a part of the type that the call's own type names.
func (p *part) message(body []byte) part {
	m := part{body: body, answer: p.answer, declared: "application/protobuf"}
	if _, subtype, ok := strings.Cut(p.media, "+"); ok && subtype != "proto" {
		m.declared = "application/" + subtype
	}
	m.media = m.declared
	return m
}

// showMessage shows a message that only one side has.
func (p *part) showMessage(body []byte) string {
	m := p.message(body)
	if formatOf(m.media) == formatProtobuf {
		if fields, err := parseWire(string(body)); err == nil {
			return shorten((&element{kind: isMessage, children: fields}).show())
		}
		return fingerprint(body)
	}
	return excerpt(body, nil)
}

// compareMessages compares two messages.
func (c *Comparer) compareMessages(old, new part, rec *recorder) outcome {
	if bytes.Equal(old.body, new.body) && !c.rules.renames {
		return outcome{}
	}
	return outcome{tooComplex: c.compareParts(old, new, rec) != ""}
}
