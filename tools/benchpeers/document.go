//go:build linux

package main

import (
	"fmt"
	"strings"
)

// idDigits is how long the request id of an answer is, in hexadecimal digits.
const idDigits = 16

// response is a whole answer as it goes on the wire. With idAt ≥ 0 the digits there are replaced in each answer.
type response struct {
	bytes []byte
	body  int // bytes of the body, which is the end of bytes
	idAt  int
}

// newResponse makes an answer whose JSON body has exactly size bytes, a list of things as a shop's search would find.
func newResponse(size int, withID bool) *response {
	var b strings.Builder
	fmt.Fprintf(&b, `{"request_id":"%s","total":1284,"items":[`, strings.Repeat("0", idDigits))
	for i := 0; ; i++ {
		item := fmt.Sprintf(`{"id":%d,"sku":"SKU-%06d","name":"Chair \"Oslo\" no. %d","price":%d.%02d,"stock":%d,"tags":["wood","oak"],"sale":%t}`,
			1000+i, i*37, i, 40+i%60, i%100, i%17, i%3 == 0)
		if b.Len()+len(item)+len(`],"note":""}`)+1 > size {
			break
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(item)
	}
	b.WriteString(`],"note":"`)
	b.WriteString(strings.Repeat("x", size-b.Len()-len(`"}`)))
	b.WriteString(`"}`)
	body := b.String()
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"Date: Sat, 03 Jan 2026 12:00:00 GMT\r\n\r\n", len(body))
	r := &response{bytes: []byte(head + body), body: len(body), idAt: -1}
	if withID {
		r.idAt = len(head) + len(`{"request_id":"`)
	}
	return r
}

// stamp gives the answer an id.
func (r *response) stamp(id uint64) {
	if r.idAt < 0 {
		return
	}
	const digits = "0123456789abcdef"
	for i := range idDigits {
		r.bytes[r.idAt+idDigits-1-i] = digits[id&15]
		id >>= 4
	}
}
