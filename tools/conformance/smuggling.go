package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
)

// runSmuggling runs the mutations, which are an ordinary test of the proxy: each subtest is a case.
func runSmuggling(ctx context.Context, b *bench, _ target) ([]outcome, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-run", "^TestNoRequestIsSmuggled", "./proxy")
	cmd.Dir = b.root
	said, err := cmd.Output()
	var out []outcome
	text := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(said)); lines.Scan(); {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &e) != nil || !strings.Contains(e.Test, "/") || strings.HasSuffix(e.Test, "/each") { // the parents
			continue
		}
		switch e.Action {
		case "output":
			text[e.Test] += e.Output
		case "pass", "fail":
			out = append(out, outcome{id: e.Test, passed: e.Action == "pass", detail: strings.TrimSpace(text[e.Test])})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("go test ./proxy: %w\n%s", err, said)
	}
	return out, nil
}
