//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// configuration is all that a user would write; everything else is the default: metrics, evidence store, breakers and rechecks
// are on.
const configuration = `run: {name: bench}
listen: {address: "LISTEN"}
admin: {address: "ADMIN"}
backends:
  old: {url: OLD}
  new: {url: NEW}
mirror: {fraction: FRACTION}
compare:
  rules:
    - {path: "$.request_id", ignore: true}
store: {path: bench.db}
`

// startParitygate runs the product with its admin API at the second address.
func (b *bench) startParitygate(dir, listen, admin, fraction string) (*process, error) {
	config := strings.NewReplacer("LISTEN", listen, "ADMIN", admin, "OLD", b.old.url(), "NEW", b.new.url(), "FRACTION", fraction).
		Replace(configuration)
	if err := os.WriteFile(filepath.Join(dir, "paritygate.yaml"), []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("paritygate's configuration: %w", err)
	}
	return startOn(b.proxyCore, b.loadCore, dir, b.paritygate, "serve")
}

// accounts is what paritygate says of the exchanges.
type accounts struct {
	verdicts map[string]int
	pending  int
}

// eligible is the sum of the verdicts.
func (a accounts) eligible() (n int) {
	for _, count := range a.verdicts {
		n += count
	}
	return n
}

// share is the part of the eligible exchanges that got the verdict.
func (a accounts) share(verdict string) float64 {
	return float64(a.verdicts[verdict]) / float64(max(a.eligible(), 1))
}

// settledAccounts reads /metrics once nothing is pending, or 15 s later.
func settledAccounts(admin string) (a accounts, err error) {
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if a, err = readAccounts(admin); err != nil || a.pending == 0 || time.Now().After(deadline) {
			return a, err
		}
	}
}

func readAccounts(admin string) (accounts, error) {
	a := accounts{verdicts: map[string]int{}}
	response, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		return a, fmt.Errorf("paritygate's metrics: %w", err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		verdict, counted := strings.CutPrefix(name, "paritygate_comparisons_total{")
		if !counted && name != "paritygate_pending" {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return a, fmt.Errorf("paritygate's metrics: %q: %w", lines.Text(), err)
		}
		if !counted {
			a.pending = int(n)
			continue
		}
		_, verdict, _ = strings.Cut(verdict, `verdict="`)
		verdict, _, _ = strings.Cut(verdict, `"`)
		a.verdicts[verdict] += int(n)
	}
	return a, lines.Err()
}

// answers reports whether a GET is answered with 200.
func answers(url string) bool {
	response, err := http.Get(url)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}
