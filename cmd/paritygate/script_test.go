package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"paritygate/internal/testkit"
)

// TestMain lets scripts execute this binary as the program itself.
func TestMain(m *testing.M) {
	testscript.Main(tidy{m}, map[string]func(){"paritygate": main})
}

// tidy leaves no binary behind, each of which would stay with its 30 MB, and no server.
type tidy struct{ m *testing.M }

// Run implements testscript.TestingM.
func (t tidy) Run() int {
	defer func() {
		if builtIn != "" {
			_ = os.RemoveAll(builtIn)
		}
		if stopSites != nil {
			stopSites()
		}
	}()
	return t.m.Run()
}

// TestScripts runs the command line as a person does: testdata/script/*.txtar. The commands of a script, besides those of
// testscript, are the functions below. Each script has free addresses for a proxy in $PROXY and $ADMIN.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"PROXY", "ADMIN", "NOWHERE"} {
				env.Setenv(name, fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t)))
			}
			env.Setenv("GORACE", "atexit_sleep_ms=0") // or each of a hundred commands would end a second late
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"backend": scriptBackend, "exits": scriptExits, "ready": scriptReady, "signal": scriptSignal,
			"http": scriptHTTP, "await": scriptAwait, "fields": scriptFields, "idof": scriptIDOf,
		},
		RequireExplicitExec: true, RequireUniqueNames: true,
	})
}

// `backend [-tls] NAME` starts a shop and sets its address in the variable NAME. /bad/… has another price on each of them,
// /list other ids, and /fail/… fails.
func scriptBackend(ts *testscript.TestScript, _ bool, args []string) {
	start := httptest.NewServer
	if len(args) == 2 && args[0] == "-tls" {
		start, args = httptest.NewTLSServer, args[1:]
	}
	scriptUsage(ts, len(args) == 1, "backend [-tls] NAME")
	name := args[0]
	server := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		price := "12.50"
		if strings.HasPrefix(r.URL.Path, "/bad/") {
			price = strconv.Itoa(len(name))
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/list" {
			fmt.Fprintf(w, `{"items": [%s{}]}`, strings.Repeat(fmt.Sprintf(`{"id": %q}, `, name), 8))
			return
		}
		if strings.HasPrefix(r.URL.Path, "/fail/") {
			w.WriteHeader(http.StatusInternalServerError)
		}
		w.Header().Set("Set-Cookie", "session=very-secret")
		fmt.Fprintf(w, `{"path": %q, "price": %s, "password": "very-secret"}`, r.URL.Path, price)
	}))
	ts.Defer(server.Close)
	ts.Setenv(name, server.URL)
}

// `exits CODE PROGRAM ARGUMENT…` executes the program and holds it to its exit code.
func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	scriptUsage(ts, len(args) >= 2, "exits CODE PROGRAM ARGUMENT...")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		failed, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Check(err)
		}
		code = failed.ExitCode()
	}
	if code != want {
		ts.Fatalf("it ended in %d, not in %d", code, want)
	}
}

// `ready` waits until the proxy that the script executes in the background is ready.
func scriptReady(ts *testscript.TestScript, _ bool, args []string) {
	scriptUsage(ts, len(args) == 0, "ready")
	scriptAwait(ts, false, []string{"http://" + ts.Getenv("ADMIN") + "/readyz", `"state":"ready"`})
}

// `signal NAME` sends a signal to what the script executes in the background.
func scriptSignal(ts *testscript.TestScript, _ bool, args []string) {
	scriptUsage(ts, len(args) == 1, "signal HUP|TERM")
	signal, ok := map[string]os.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}[args[0]]
	scriptUsage(ts, ok, "signal HUP|TERM")
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(signal))
	}
}

// `http [-n TIMES] METHOD URL [BODY]` sends requests, with the token of $PARITYGATE_TOKEN if there is one, and prints the last
// answer's status and body. `{n}` in the URL is the number of the request.
func scriptHTTP(ts *testscript.TestScript, _ bool, args []string) {
	times := 1
	if len(args) > 1 && args[0] == "-n" {
		var err error
		times, err = strconv.Atoi(args[1])
		ts.Check(err)
		args = args[2:]
	}
	scriptUsage(ts, len(args) == 2 || len(args) == 3, "http [-n TIMES] METHOD URL [BODY]")
	body := strings.Join(args[2:], "")
	for n := range times {
		status, text, err := scriptAsk(ts, args[0], strings.ReplaceAll(args[1], "{n}", strconv.Itoa(n)), body)
		ts.Check(err)
		if n == times-1 {
			fmt.Fprintf(ts.Stdout(), "%d\n%s\n", status, text)
		}
	}
}

// `await URL REGEXP` waits until the answer matches.
func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	scriptUsage(ts, len(args) == 2, "await URL REGEXP")
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		_, text, err := scriptAsk(ts, http.MethodGet, args[0], "")
		if err == nil && pattern.MatchString(text) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("%s never matched %s; last: %s %v", args[0], args[1], text, err)
		}
	}
}

func scriptAsk(ts *testscript.TestScript, method, url, body string) (status int, text string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token := ts.Getenv("PARITYGATE_TOKEN"); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := httpClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

// `fields PATH…` holds what was printed last to be JSON with these members, such as `routes.0.verdicts.match`.
func scriptFields(ts *testscript.TestScript, _ bool, args []string) {
	var printed any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &printed))
	for _, path := range args {
		at := printed
		for name := range strings.SplitSeq(path, ".") {
			switch v := at.(type) {
			case map[string]any:
				member, ok := v[name]
				if !ok {
					ts.Fatalf("%s: there is no %s", path, name)
				}
				at = member
			case []any:
				i, err := strconv.Atoi(name)
				if err != nil || i >= len(v) {
					ts.Fatalf("%s: there is no element %s", path, name)
				}
				at = v[i]
			default:
				ts.Fatalf("%s: %s has no members", path, name)
			}
		}
	}
}

// `idof METHOD` sets $ID to that of a write in the list that was printed last.
func scriptIDOf(ts *testscript.TestScript, _ bool, args []string) {
	scriptUsage(ts, len(args) == 1, "idof METHOD")
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if f := strings.Fields(line); len(f) > 3 && f[3] == args[0] {
			ts.Setenv("ID", f[1])
			return
		}
	}
	ts.Fatalf("no write of that method is listed")
}

func scriptUsage(ts *testscript.TestScript, ok bool, usage string) {
	if !ok {
		ts.Fatalf("usage: %s", usage)
	}
}
