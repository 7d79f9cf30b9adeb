package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// cacheTests is http-tests/cache-tests as an npm package. The proxy is no cache, and must not look like one: a case is one that
// passes without anything between client and origin, and has to pass through the proxy.
const cacheTests = "http-cache-tests@0.4.5"

// cacheTestsTime bounds one run of the suite, which takes about twenty seconds.
const cacheTestsTime = 90 * time.Second

// cacheOrigins starts the suite's own server, and a plain one as new.
func cacheOrigins(ctx context.Context, b *bench) (*backends, error) {
	dir, err := installCacheTests(ctx, b)
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	cmd := nodeCommand(ctx, dir, "server/server.mjs", "npm_config_protocol=http", "npm_config_port="+port, "npm_config_pidfile="+filepath.Join(b.dir, "cache-tests.pid"))
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	if err := awaitListener(ctx, "localhost:"+port); err != nil {
		stop()
		return nil, fmt.Errorf("%s: %w", cacheTests, err)
	}
	return &backends{old: "http://localhost:" + port, new: b.plain.new, counting: true, stop: stop}, nil
}

// installCacheTests keeps the package below .cache, so that it is fetched once.
func installCacheTests(ctx context.Context, b *bench) (dir string, err error) {
	root, err := filepath.Abs(filepath.Join(b.root, ".cache", "cache-tests"))
	if err != nil {
		return "", err
	}
	dir = filepath.Join(root, "node_modules", "http-cache-tests")
	if _, err := os.Stat(filepath.Join(root, "node_modules", ".package-lock.json")); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(root, 0o750); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "npm", "install", "--prefix", root, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", cacheTests) // #nosec G204 -- a pinned package
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install %s (Node.js and npm are needed): %w\n%s", cacheTests, err, out)
	}
	return dir, nil
}

func nodeCommand(ctx context.Context, dir, script string, environment ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "node", "--no-warnings", filepath.Join(dir, script)) // #nosec G204 -- the pinned package
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append(environment, "npm_package_config_id=")...)
	return cmd
}

func runCacheTests(ctx context.Context, b *bench, t target) ([]outcome, error) {
	dir, err := installCacheTests(ctx, b)
	if err != nil {
		return nil, err
	}
	direct, err := askCacheTests(ctx, dir, t.behind.old)
	if err != nil {
		return nil, err
	}
	through, err := askCacheTests(ctx, dir, "http://"+t.address)
	if err != nil {
		return nil, err
	}
	var out []outcome
	for _, id := range slices.Sorted(maps.Keys(direct)) {
		if string(direct[id]) == "true" {
			out = append(out, outcome{id: id, passed: string(through[id]) == "true", detail: string(through[id])})
		}
	}
	if len(out) == 0 {
		return nil, errors.New(cacheTests + ": no case passes without a proxy")
	}
	return out, nil
}

// askCacheTests runs the suite's client, which prints the result of each case: true, or why it is not.
func askCacheTests(ctx context.Context, dir, base string) (map[string]json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, cacheTestsTime)
	defer cancel()
	said, err := nodeCommand(ctx, dir, "cli.mjs", "npm_config_base="+base).Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cacheTests, err)
	}
	text := string(said)
	var results map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text[max(0, strings.Index(text, "{\n")):]), &results); err != nil {
		return nil, fmt.Errorf("%s: %w\n%.300s", cacheTests, err, text)
	}
	return results, nil
}
