package proxy

import (
	"net/http"
	"slices"
)

// brokenCalls are the codes by which gRPC says what a 5xx says in HTTP, as Envoy maps them: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED,
// INTERNAL, UNAVAILABLE and DATA_LOSS. A call that failed is a 200 with such a code in its trailers, or among its headers if it has nothing else.
var brokenCalls = []string{"2", "4", "12", "13", "14", "15"}

// callBroke reports whether an answer to a gRPC call says that the backend failed. Of a call that has not ended it tells only where the
// headers are all that there is.
func callBroke(header, trailer http.Header) bool {
	at := trailer.Get("Grpc-Status")
	if at == "" {
		at = header.Get("Grpc-Status")
	}
	return slices.Contains(brokenCalls, at)
}

// rejectedCalls are the codes by which gRPC says what a 4xx says in HTTP: INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED,
// RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE and UNAUTHENTICATED.
var rejectedCalls = []string{"3", "5", "6", "7", "8", "9", "10", "11", "16"}

// callCounts is the status that stands for how a gRPC call ended, as far as that has come.
func callCounts(header, trailer http.Header) int {
	at := trailer.Get("Grpc-Status")
	if at == "" {
		at = header.Get("Grpc-Status")
	}
	switch {
	case at == "" || at == "0":
		return http.StatusOK
	case slices.Contains(rejectedCalls, at):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}
