package demo

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// dialect is how a shop writes JSON. The two shops say the same with other bytes, as two stacks do.
type dialect struct {
	contentType string
	reversed    bool   // the members in the other order
	short       bool   // 12.5 for 12.50
	indent      bool   // with line breaks
	times       string // layout of times
}

var (
	oldDialect = dialect{contentType: "application/json; charset=utf-8", times: "2006-01-02T15:04:05.000000Z07:00"}
	newDialect = dialect{
		contentType: "application/json; charset=utf-8", reversed: true, short: true, indent: true,
		times: "2006-01-02T15:04:05.000000-07:00",
	}
)

// object returns members, given as name and value in turn, in the dialect's order.
func (d *dialect) object(namesAndValues ...any) object {
	o := make(object, 0, len(namesAndValues)/2)
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		o = append(o, member{fmt.Sprint(namesAndValues[i]), namesAndValues[i+1]})
	}
	if d.reversed {
		slices.Reverse(o)
	}
	return o
}

func (d *dialect) money(c cents) json.RawMessage {
	s := c.String()
	if d.short {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return json.RawMessage(s)
}

func (d *dialect) time(t time.Time) string { return t.UTC().Format(d.times) }

// write answers with a document, to which it adds what is new in every answer and says nothing: the request's id, the
// time, and an etag that rotates.
func (d *dialect) write(w http.ResponseWriter, status int, document object) {
	now := time.Now()
	noise := d.object("requestId", "req-"+token(), "generated_at", d.time(now))
	if d.reversed {
		document = append(noise, document...)
	} else {
		document = append(document, noise...)
	}
	body, err := json.Marshal(document)
	if err == nil && d.indent {
		var b bytes.Buffer
		if err = json.Indent(&b, body, "", "  "); err == nil {
			body = b.Bytes()
		}
	}
	if err != nil {
		http.Error(w, `{"error": "the answer cannot be written"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", d.contentType)
	w.Header().Set("Etag", `W/"`+token()+`"`)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client is gone; there is nobody to tell
}

// token returns a short random word.
func token() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return hex.EncodeToString(b[:])
}

func (d *dialect) product(p *product) object {
	return d.object("id", p.id, "code", p.code, "name", p.name, "category", p.category, "price", d.money(p.price),
		"stock", p.stock, "updated_at", d.time(p.updated))
}

func (d *dialect) products(all []product) []object {
	out := make([]object, len(all))
	for i := range all {
		out[i] = d.product(&all[i])
	}
	return out
}

func (d *dialect) order(o *order) object {
	lines := make([]object, len(o.lines))
	for i, l := range o.lines {
		lines[i] = d.object("line", l.number, "product", l.product, "quantity", l.quantity, "unit_price", d.money(l.price))
	}
	return d.object("id", o.id, "customer", o.customer, "status", o.status, "placed_at", d.time(o.placed),
		"total", d.money(o.total), "lines", lines)
}

// average is a sum over a count with four decimals, rounded as both shops round it.
func average(sum cents, count int64) json.RawMessage {
	if count == 0 {
		return json.RawMessage("null")
	}
	return json.RawMessage(big.NewRat(int64(sum), 100*count).FloatString(4))
}
