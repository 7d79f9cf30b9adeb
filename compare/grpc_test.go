package compare

import (
	"encoding/base64"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// grpcFrame writes a frame of a gRPC body.
func grpcFrame(flags byte, message string) string {
	return string(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(message)))) + message
}

// called returns the answer to a gRPC call, with trailers given as name, value.
func called(contentType, body string, trailers ...string) *Answer {
	a := answer(200, body, ct, contentType)
	a.Trailer = map[string][]string{}
	for i := 0; i < len(trailers); i += 2 {
		a.Trailer[trailers[i]] = append(a.Trailer[trailers[i]], trailers[i+1])
	}
	return a
}

func TestCompareGRPC(t *testing.T) {
	const grpc, web, text = "application/grpc", "application/grpc-web+proto", "application/grpc-web-text"
	ok := func(body string) *Answer { return called(grpc, body, "Grpc-Status", "0") }
	one, spelled, two := varint(1, 1)+bytesField(2, "a"), bytesField(2, "a")+long(1, 1), varint(1, 2)
	zipped := func(body, message string) *Answer {
		a := ok(body + grpcFrame(1, string(zip(t, message, 9))))
		a.Header["Grpc-Encoding"] = []string{"gzip"}
		return a
	}
	encode := base64.StdEncoding.EncodeToString
	failed := func(status, message string) *Answer {
		a := called(grpc, "", "Grpc-Message", message)
		a.Header["Grpc-Status"] = []string{status}
		return a
	}
	for _, tc := range []struct {
		name     string
		old, new *Answer
		rules    []Rule
		verdict  Verdict
		where    []string
	}{
		{name: "a message spelled anew", old: ok(grpcFrame(0, one)), new: ok(grpcFrame(0, spelled)), verdict: Match},
		{name: "another message", old: ok(grpcFrame(0, varint(1, 1))), new: ok(grpcFrame(0, two)), verdict: Mismatch, where: []string{"body value $['1']"}},
		{name: "one of many messages", old: ok(grpcFrame(0, one) + grpcFrame(0, varint(1, 1))), new: ok(grpcFrame(0, one) + grpcFrame(0, two)), verdict: Mismatch, where: []string{"body value $[1]['1']"}},
		{name: "a message that is missing", old: ok(grpcFrame(0, one) + grpcFrame(0, two) + grpcFrame(0, one)), new: ok(grpcFrame(0, one) + grpcFrame(0, one)), verdict: Mismatch, where: []string{"body missing $[1]"}},
		{name: "a message more", old: ok(grpcFrame(0, one)), new: ok(grpcFrame(0, one) + grpcFrame(0, two)), verdict: Mismatch, where: []string{"body extra $[1]"}},
		{name: "an empty message is one", old: ok(grpcFrame(0, "")), new: ok(grpcFrame(0, "") + grpcFrame(0, "")), verdict: Mismatch, where: []string{"body extra $[1]"}},
		{name: "no message", old: ok(grpcFrame(0, "")), new: ok(""), verdict: Mismatch, where: []string{"body missing $"}},
		{name: "compressed", old: ok(grpcFrame(0, one)), new: zipped("", spelled), verdict: Match},
		{name: "compressed, and another", old: ok(grpcFrame(0, varint(1, 1))), new: zipped("", two), verdict: Mismatch, where: []string{"body value $['1']"}},
		{name: "compressed without saying how", old: ok(grpcFrame(0, one)), new: ok(grpcFrame(1, one)), verdict: Mismatch, where: []string{"body invalid $"}},
		{name: "cut off", old: ok(grpcFrame(0, one)), new: ok(grpcFrame(0, one)[:6]), verdict: Mismatch, where: []string{"body invalid $"}},
		{name: "a message that is none", old: ok(grpcFrame(0, one)), new: ok(grpcFrame(0, "\x07")), verdict: Mismatch, where: []string{"body invalid $"}},
		{name: "trailers in the body", old: ok(grpcFrame(0, one)), new: ok(grpcFrame(0, one) + grpcFrame(0x80, "")), verdict: Mismatch, where: []string{"body invalid $"}},

		{name: "the status", old: ok(grpcFrame(0, one)), new: failed("5", "no"), verdict: Mismatch, where: []string{"header value grpc-status"}},
		{name: "the status alone", old: called(grpc, "", "Grpc-Status", "0"), new: called(grpc, "", "Grpc-Status", "13"), verdict: Mismatch, where: []string{"header value grpc-status"}},
		{name: "a status that is missing", old: ok(grpcFrame(0, one)), new: called(grpc, grpcFrame(0, one)), verdict: Mismatch, where: []string{"header missing grpc-status"}},
		{name: "where the status stands", old: called(grpc, "", "Grpc-Status", "5", "Grpc-Message", "no"), new: failed("5", "no"), verdict: Match},
		{name: "the message of a failure", old: failed("5", "no"), new: failed("5", "nothing"), verdict: Mismatch, where: []string{"header value grpc-message"}},
		{name: "how the message is written", old: failed("5", "%6eo such%20thing"), new: failed("5", "no%20such thing"), verdict: Match},
		{name: "the message by rule", old: failed("5", "no"), new: failed("5", "nothing"), rules: []Rule{{Header: "grpc-message", Ignore: IgnoreValue}}, verdict: Tolerated},
		{name: "a trailer that is compared", old: called(grpc, "", "Grpc-Status", "0", "Etag", "a"), new: called(grpc, "", "Grpc-Status", "0", "Etag", "b"), verdict: Mismatch, where: []string{"header value etag"}},
		{name: "a trailer that nobody compares", old: called(grpc, "", "Grpc-Status", "0", "X", "a"), new: called(grpc, "", "Grpc-Status", "0", "X", "b"), verdict: Match},

		{name: "JSON", old: called("application/grpc+json", grpcFrame(0, `{"a":1,"b":2}`)), new: called("application/grpc+json", grpcFrame(0, `{"b":2.0,"a":1}`)), verdict: Match},
		{name: "other JSON", old: called("application/grpc+json", grpcFrame(0, `{"a":1}`)), new: called("application/grpc+json", grpcFrame(0, `{"a":2}`)), verdict: Mismatch, where: []string{"body value $.a"}},
		{name: "the web", old: called(web, grpcFrame(0, one)+grpcFrame(0x80, "grpc-status: 0\r\n")), new: called(web, grpcFrame(0, spelled)+grpcFrame(0x80, "Grpc-Status:0\r\n")), verdict: Match},
		{name: "the web's status", old: called(web, grpcFrame(0, one)+grpcFrame(0x80, "grpc-status: 0\r\n")), new: called(web, grpcFrame(0, one)+grpcFrame(0x80, "grpc-status: 2\r\n")), verdict: Mismatch, where: []string{"header value grpc-status"}},
		{name: "the web's trailers", old: called(web, grpcFrame(0x80, "grpc-status: 0\r\netag: a\r\n")), new: called(web, grpcFrame(0x80, "grpc-status: 0\r\netag: b\r\n")), verdict: Mismatch, where: []string{"header value etag"}},
		{name: "behind the web's trailers", old: called(web, grpcFrame(0x80, "grpc-status: 0\r\n")), new: called(web, grpcFrame(0x80, "grpc-status: 0\r\n")+grpcFrame(0, "")), verdict: Mismatch, where: []string{"header missing grpc-status"}},
		{name: "the web in base64", old: called(text, encode([]byte(grpcFrame(0, one)+grpcFrame(0x80, "grpc-status:0")))), new: called(text, encode([]byte(grpcFrame(0, spelled)))+encode([]byte(grpcFrame(0x80, "grpc-status:0")))), verdict: Match},
		{name: "no base64", old: called(text, encode([]byte(grpcFrame(0, one)))), new: called(text, "!"), verdict: Mismatch, where: []string{"body invalid $"}},

		{name: "a rule", old: ok(grpcFrame(0, one)), new: ok(grpcFrame(0, two+bytesField(2, "a"))), rules: []Rule{{Path: "$['1']", Ignore: IgnoreValue}}, verdict: Tolerated},
		{name: "a rule for many", old: ok(grpcFrame(0, varint(1, 1)) + grpcFrame(0, one)), new: ok(grpcFrame(0, two) + grpcFrame(0, one)), rules: []Rule{{Path: "$[*]['1']", Ignore: IgnoreAll}}, verdict: Tolerated},
		{name: "everything", old: ok(grpcFrame(0, one) + grpcFrame(0, one)), new: ok(grpcFrame(0, two)), rules: []Rule{{Path: "$", Ignore: IgnoreAll}}, verdict: Tolerated},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := comparer(t, tc.rules...)
			got := c.Compare(tc.old, tc.new)
			var where []string
			for _, d := range got.Differences {
				where = append(where, string(d.Location)+" "+string(d.Kind)+" "+d.Path)
			}
			if got.Verdict != tc.verdict || !cmp.Equal(where, tc.where) {
				t.Errorf("%s %s, %+v", got.Verdict, got.Reason, got.Differences)
			}
			if back := c.Compare(tc.new, tc.old); back.Verdict != got.Verdict {
				t.Errorf("the other way round: %s %s %+v", back.Verdict, back.Reason, back.Differences)
			}
		})
	}
}

func FuzzGRPC(f *testing.F) {
	f.Add(grpcFrame(0, "\x08\x01")+grpcFrame(0x80, "grpc-status: 0\r\n"), grpcFrame(0, ""), "application/grpc-web")
	f.Add(grpcFrame(1, "x"), grpcFrame(0, `{"a":1}`), "application/grpc+json")
	f.Add("AAAAAAA=", "AAAAAAE=", "application/grpc-web-text")
	c := comparer(f)
	f.Fuzz(func(t *testing.T, old, new, contentType string) {
		there, back := c.Compare(called(contentType, old), called(contentType, new)), c.Compare(called(contentType, new), called(contentType, old))
		if there.Verdict != back.Verdict {
			t.Fatalf("%q and %q: %s and %s", old, new, there.Verdict, back.Verdict)
		}
		if formatOf(mediaType(contentType)) == formatGRPC && len(new) > 0 {
			if got := c.Compare(called(contentType, old), called(contentType, old+new)); got.Verdict == Match && len(old) > 0 && !cmp.Equal(old, old+new) {
				a, b := called(contentType, old).part([]byte(old)), called(contentType, old).part([]byte(old+new))
				x, _ := readCall(&a, 1<<20)
				y, _ := readCall(&b, 1<<20)
				if x == nil || y == nil || len(x.messages) != len(y.messages) {
					t.Fatalf("%q matches with %q behind it", old, new)
				}
			}
		}
	})
}
