package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// scrapeInterval is short, so that a rate has its points within a second or two.
const scrapeInterval = 200 * time.Millisecond

// PrometheusOptions say what a Prometheus server scrapes.
type PrometheusOptions struct {
	// Target is the host and port whose /metrics is scraped; the job is called paritygate.
	Target string
	// Token is sent as a bearer token, if there is one.
	Token string
	// Rules is a file of alert or recording rules, evaluated at every scrape; empty for none.
	Rules []byte
}

// PrometheusServer is a real Prometheus with its data in a temporary directory.
type PrometheusServer struct {
	// URL is where its API and pages are.
	URL    string
	client *http.Client
	// exited is closed when the process has ended.
	exited chan struct{}
	output *bytes.Buffer // to be read after exited
}

// Series is one series of an answer, with its value at the time of the question.
type Series struct {
	Labels map[string]string
	Value  float64
}

// Prometheus starts a server that scrapes the target five times a second, waits until it takes queries, and stops it in
// the test's cleanup. Without Prometheus the test fails, and says what to install.
func Prometheus(t testing.TB, o PrometheusOptions) *PrometheusServer {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatalf("no Prometheus found: %v; on Debian: apt-get install prometheus", err)
	}
	dir := t.TempDir()
	if err := writeScrapeConfig(dir, o); err != nil {
		t.Fatal(err)
	}
	// The port was free a moment ago; another program may take it in between.
	for range 3 {
		s := launchPrometheus(t, binary, dir)
		if err = s.ready(t.Context()); err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
}

// writeScrapeConfig writes prometheus.yml, and rules.yml beside it. JSON is YAML.
func writeScrapeConfig(dir string, o PrometheusOptions) error {
	type object = map[string]any
	scrape := object{
		"job_name":       "paritygate",
		"static_configs": []object{{"targets": []string{o.Target}}},
	}
	if o.Token != "" {
		scrape["authorization"] = object{"credentials": o.Token}
	}
	config := object{
		"global": object{
			"scrape_interval":     scrapeInterval.String(),
			"scrape_timeout":      scrapeInterval.String(),
			"evaluation_interval": scrapeInterval.String(),
		},
		"scrape_configs": []object{scrape},
	}
	if len(o.Rules) > 0 {
		config["rule_files"] = []string{"rules.yml"}
		if err := os.WriteFile(filepath.Join(dir, "rules.yml"), o.Rules, 0o600); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "prometheus.yml"), data, 0o600)
}

// launchPrometheus starts the process; it ends in the test's cleanup at the latest.
func launchPrometheus(t testing.TB, binary, dir string) *PrometheusServer {
	t.Helper()
	address := "127.0.0.1:" + strconv.Itoa(FreePort(t))
	s := &PrometheusServer{
		URL:    "http://" + address,
		client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second},
		exited: make(chan struct{}),
		output: new(bytes.Buffer),
	}
	cmd := exec.Command(binary,
		"--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data-"+address),
		"--web.listen-address="+address,
		"--log.level=warn")
	cmd.Stdout, cmd.Stderr = s.output, s.output
	// Without this it would outlive a test that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start Prometheus: %v", err)
	}
	go func() {
		defer close(s.exited)
		_ = cmd.Wait() // what it has to say of its end is in the output
	}()
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		// Its data goes with the directory: there is nothing to be written in good order.
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("stop Prometheus: %v", err)
		}
		<-s.exited
	})
	return s
}

// ready waits until the server takes queries.
func (s *PrometheusServer) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := s.get(ctx, "/-/ready")
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("prometheus ended at once: %s", s.output)
		case <-ctx.Done():
			return fmt.Errorf("prometheus is not ready: %w", err)
		case <-tick.C:
		}
	}
}

// Query asks for the value of an expression now. No data is an empty answer and no error.
func (s *PrometheusServer) Query(ctx context.Context, expr string) ([]Series, error) {
	body, err := s.get(ctx, "/api/v1/query?"+url.Values{"query": {expr}}.Encode())
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", expr, err)
	}
	series, err := decodeVector(body)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", expr, err)
	}
	return series, nil
}

// Await asks until the expression has a value, and fails the test if it has none within the time.
func (s *PrometheusServer) Await(t testing.TB, within time.Duration, expr string) []Series {
	t.Helper()
	var series []Series
	Eventually(t, within, func() bool {
		var err error
		if series, err = s.Query(t.Context(), expr); err != nil {
			t.Fatal(err)
		}
		return len(series) > 0
	}, "Prometheus has no data for %s", expr)
	return series
}

func (s *PrometheusServer) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return body, err
}

// decodeVector reads the answer to an instant query: a vector, or a scalar, which has no labels.
func decodeVector(body []byte) ([]Series, error) {
	var answer struct {
		Data struct {
			ResultType string          `json:"resultType"`
			Result     json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	switch answer.Data.ResultType {
	case "vector":
		var vector []struct {
			Metric map[string]string `json:"metric"`
			Value  point             `json:"value"`
		}
		if err := json.Unmarshal(answer.Data.Result, &vector); err != nil {
			return nil, err
		}
		series := make([]Series, 0, len(vector))
		for _, v := range vector {
			series = append(series, Series{Labels: v.Metric, Value: float64(v.Value)})
		}
		return series, nil
	case "scalar":
		var value point
		if err := json.Unmarshal(answer.Data.Result, &value); err != nil {
			return nil, err
		}
		return []Series{{Value: float64(value)}}, nil
	default:
		return nil, fmt.Errorf("the answer is a %s, not a vector", answer.Data.ResultType)
	}
}

// point is the value of a pair of time and value as Prometheus writes it: [1700000000.1, "NaN"].
type point float64

// UnmarshalJSON reads the pair and keeps its value.
func (p *point) UnmarshalJSON(data []byte) error {
	var pair [2]json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	var text string
	if err := json.Unmarshal(pair[1], &text); err != nil {
		return err
	}
	value, err := strconv.ParseFloat(text, 64)
	*p = point(value)
	return err
}
