package upstream

import (
	"net/http"
	"slices"
	"testing"
)

// FuzzAnswer has this client and net/http read the same bytes.
func FuzzAnswer(f *testing.F) {
	for i, c := range answers {
		f.Add([]byte(c.wire), uint8(i), uint16(len(c.wire)/2), uint16(512))
	}
	f.Fuzz(func(t *testing.T, data []byte, method uint8, split, room uint16) {
		name := methods[int(method)%len(methods)]
		ref := theirs(data, name)
		if len(data) < 4<<10 {
			compare(t, data, ours(nonEmpty(data), name, 512), ref, true)
		}
		compare(t, data, ours(slices.Collect(slices.Chunk(data, int(split)+1)), name, int(room)+1), ref, false)
	})
}

// FuzzChunks does the same with bodies in chunks.
func FuzzChunks(f *testing.F) {
	for _, s := range []string{
		"5\r\nhello\r\n0\r\n\r\n", "5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n", "A \r\n0123456789\r\n00\r\n\r\n", "1\r\nx\r\n1\r\ny\r\n0;\r\nA: b\r\n\tc\r\n\r\n",
		"ffffffffffffffff\r\n", "7fffffffffffffff\r\n", "1000000000000000\r\n", "0\r\n\n\r\n\r\n", "0\r\nA : b\r\n\r\n",
	} {
		f.Add([]byte(s), uint16(3), uint16(100))
	}
	const start = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	f.Fuzz(func(t *testing.T, data []byte, split, room uint16) {
		data = append([]byte(start), data...)
		ref := theirs(data, http.MethodGet)
		compare(t, data, ours([][]byte{data}, http.MethodGet, 512), ref, len(data) < 4<<10)
		compare(t, data, ours(slices.Collect(slices.Chunk(data, int(split)+1)), http.MethodGet, int(room)+1), ref, false)
	})
}
