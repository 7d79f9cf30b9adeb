package testkit_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"paritygate/internal/testkit"
)

func TestPrometheus(t *testing.T) {
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "answer{of=\"everything\"} 42\n")
	}))
	t.Cleanup(exporter.Close)
	server := testkit.Prometheus(t, testkit.PrometheusOptions{
		Target: strings.TrimPrefix(exporter.URL, "http://"),
		Token:  "secret",
		Rules:  []byte("groups: [{name: g, rules: [{record: double, expr: 2 * answer}]}]"),
	})

	series := server.Await(t, 20*time.Second, "double")
	if len(series) != 1 || series[0].Value != 84 || series[0].Labels["of"] != "everything" {
		t.Errorf("the rule's result is %+v, want 84 of everything", series)
	}
	if series, err := server.Query(t.Context(), "no_such_metric"); err != nil || len(series) != 0 {
		t.Errorf("no data: got %v, %v; want an empty answer", series, err)
	}
	if series, err := server.Query(t.Context(), "scalar(vector(7))"); err != nil || len(series) != 1 || series[0].Value != 7 {
		t.Errorf("a scalar: got %v, %v; want 7", series, err)
	}
	if _, err := server.Query(t.Context(), "sum("); err == nil || !strings.Contains(err.Error(), "parse error") {
		t.Errorf("an invalid expression: got error %v, want Prometheus's parse error", err)
	}
}
