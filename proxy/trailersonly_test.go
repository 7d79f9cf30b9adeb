package proxy

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/net/http2"
)

// TestTrailersOnly: an answer of gRPC that is all header must end with its header. A client takes it for cut off otherwise.
func TestTrailersOnly(t *testing.T) {
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", "12")
		w.Header().Set("Grpc-Message", "%t%0A%E2%98%BA%25")
	}))
	backend.Config.Protocols = new(http.Protocols)
	backend.Config.Protocols.SetUnencryptedHTTP2(true)
	backend.Start()
	t.Cleanup(backend.Close)
	for _, plan := range []Plan{shadowPlan, livePlan} {
		r := startAt(t, plan, backend, backend)
		h := dialH2(t, r.address)
		block := h.fields("POST", "/a.B/C", "content-type", "application/grpc", "te", "trailers")
		if err := h.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true}); err != nil {
			t.Fatal(err)
		}
		if err := h.WriteData(1, true, []byte{0, 0, 0, 0, 0}); err != nil {
			t.Fatal(err)
		}
		for ended := false; !ended; {
			f, err := h.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			answer, ok := f.(*http2.MetaHeadersFrame)
			if !ok {
				continue
			}
			ended = true
			if !answer.StreamEnded() {
				t.Error("the header does not end the stream")
			}
			got := map[string]string{}
			for _, field := range answer.RegularFields() {
				got[field.Name] = field.Value
			}
			if got["grpc-status"] != "12" || got["grpc-message"] != "%t%0A%E2%98%BA%25" {
				t.Errorf("the header is %v", got)
			}
		}
	}
}
