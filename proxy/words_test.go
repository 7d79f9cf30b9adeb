package proxy

import (
	"net/http"
	"testing"
)

// Words that somebody looks for are no GraphQL, though they are those that begin an operation there.
func TestWordsAreNoOperation(t *testing.T) {
	for _, c := range []struct {
		query, body string
		want        verdictOnBody
	}{
		{"query=subscription+plans", "", harmless},
		{"select=*&query=eq.mutation", "", harmless},
		{"", `{"query":"subscription plans"}`, harmless},
		{"query=mutation{x}", "", writes},
		{"query=mutation%7Bx%7D", "", writes},
		{"query=mutation%257Bx%257D", "", writes},
		{"", `{"query":"mutation\u007bx}"}`, writes},
	} {
		in := &inbound{method: http.MethodPost, path: "/search", query: c.query, header: http.Header{"Content-Type": {"application/json"}}}
		if got := judgeBody(in, []byte(c.body), true); got != c.want {
			t.Errorf("%q %s: %v", c.query, c.body, got)
		}
	}
}
