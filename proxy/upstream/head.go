package upstream

import (
	"bufio"
	"bytes"
	"net/http"
	"net/textproto"
	"strings"
)

// head is the status line and the header of an answer.
type head struct {
	status string // "200 OK"
	code   int
	minor  int // of HTTP/1.x
	header http.Header
	saw    uint8
}

// headEnd looks for the end of a head: behind its first empty line. It goes on at scan, the start of a line, and returns where the next
// call is to go on, how many lines it passed, and whether the end has been found there.
func headEnd(b []byte, scan int) (next, lines int, found bool) {
	for {
		i := bytes.IndexByte(b[scan:], '\n')
		if i < 0 {
			return scan, lines, false
		}
		empty := i == 0 || (i == 1 && b[scan] == '\r')
		scan += i + 1
		if empty {
			return scan, lines, true
		}
		lines++
	}
}

// mayBeHead reports whether the start of a head looks like HTTP at all, so that nobody waits for the end of something else.
func mayBeHead(b []byte) bool {
	const start = "HTTP/1."
	n := min(len(b), len(start))
	return string(b[:n]) == start[:n]
}

// parseHead reads a whole head, the empty line included, that has so many lines. The header goes into h unless that is nil.
func parseHead(b []byte, lines int, h http.Header) (head, error) {
	s := string(b)
	first := strings.IndexByte(s, '\n') + 1
	d, ok := parseStatus(strings.TrimSuffix(s[:first-1], "\r"))
	if !ok {
		return d, errMalformed
	}
	d.header = h
	if d.header == nil {
		d.header = make(http.Header, lines-1)
	} else {
		clear(d.header)
	}
	if !d.parseFields(b[first:], s[first:], lines-1) {
		clear(d.header)
		return d, d.parseOdd(b[first:])
	}
	return d, nil
}

// parseStatus reads the status line. It takes what net/http takes, of HTTP/1.x, but for numbers with a sign.
func parseStatus(line string) (d head, ok bool) {
	const start = len("HTTP/1.1 ")
	if len(line) < start || line[:start-2] != "HTTP/1." || line[start-1] != ' ' {
		return d, false
	}
	if d.minor = int(line[start-2]) - '0'; d.minor < 0 || d.minor > 9 {
		return d, false
	}
	d.status = line[start:]
	for d.status != "" && d.status[0] == ' ' {
		d.status = d.status[1:]
	}
	if len(d.status) < 3 || (len(d.status) > 3 && d.status[3] != ' ') {
		return d, false
	}
	for i := range 3 {
		c := d.status[i]
		if c < '0' || c > '9' {
			return d, false
		}
		d.code = 10*d.code + int(c-'0')
	}
	return d, d.code >= 100
}

// parseFields reads well-formed fields, each a line that ends in CRLF, up to the empty line. It returns false, with the header in no
// certain state, where anything else comes.
func (d *head) parseFields(b []byte, s string, count int) bool {
	values := make([]string, count)
	var seen uint64
	for range count {
		var h uint32
		colon := 0
		for {
			c := lower[b[colon]]
			if c == 0 {
				break
			}
			h = hash(h, c)
			colon++
		}
		end := bytes.IndexByte(b, '\n')
		if colon == 0 || b[colon] != ':' || b[end-1] != '\r' {
			return false
		}
		value := trimSpace(s[colon+1 : end-1])
		if !validValue(b[colon+1 : end-1]) {
			return false
		}
		n := lookup(s[:colon], h)
		d.saw |= n.saw
		bit := uint64(1) << n.index // index 0 is every other name
		if seen&bit != 0 && len(d.header[n.canonical]) > 0 {
			d.header[n.canonical] = append(d.header[n.canonical], value)
		} else {
			seen |= bit
			values[0] = value
			d.header[n.canonical], values = values[:1:1], values[1:]
		}
		b, s = b[end+1:], s[end+1:]
	}
	return string(b) == "\r\n"
}

// parseOdd reads the fields as net/http does, continued lines and bare line feeds too, but for names with white space in them: what
// comes after may understand them in another way.
func (d *head) parseOdd(b []byte) error {
	h, err := textproto.NewReader(bufio.NewReaderSize(bytes.NewReader(b), len(b))).ReadMIMEHeader()
	if err != nil {
		return errHeader
	}
	for key, values := range h {
		if !isToken(key) {
			return errHeader
		}
		d.header[key] = values
	}
	d.saw = sawContentLength | sawTransferEncoding | sawConnection | sawTrailer // look for all of them
	return nil
}
