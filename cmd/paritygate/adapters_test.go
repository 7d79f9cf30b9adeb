package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"paritygate/compare"
	"paritygate/proxy"
)

// A sample shows an answer's trailers with its header; the answer itself is not changed.
func TestTrailersAreShownWithTheHeader(t *testing.T) {
	type fields = map[string][]string
	header := fields{"Content-Type": {"application/grpc"}, "X-Twice": {"1"}}
	a := &compare.Answer{Status: 200, Header: header, Trailer: fields{"Grpc-Status": {"5"}, "X-Twice": {"2"}}}
	want := fields{"Content-Type": {"application/grpc"}, "X-Twice": {"1", "2"}, "Grpc-Status": {"5"}}
	if diff := cmp.Diff(want, legOf(proxy.Leg{Answer: a}).Header); diff != "" {
		t.Error(diff)
	}
	if len(header) != 2 || len(header["X-Twice"]) != 1 {
		t.Errorf("the header became %v", header)
	}
	none := &compare.Answer{Trailer: fields{"A": {"b"}}}
	if diff := cmp.Diff(none.Trailer, legOf(proxy.Leg{Answer: none}).Header); diff != "" {
		t.Error(diff)
	}
}
