package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
)

// junit is the part of h2spec's report that is read.
type junit struct {
	Suites []struct {
		Package string `xml:"package,attr"`
		Cases   []struct {
			Package string  `xml:"package,attr"`
			Title   string  `xml:"classname,attr"`
			Failure *string `xml:"failure"`
			Error   *string `xml:"error"`
			Skipped *string `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func runH2spec(ctx context.Context, b *bench, t target) ([]outcome, error) {
	host, port, err := net.SplitHostPort(t.address)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(b.dir, "h2spec*.xml")
	if err != nil {
		return nil, err
	}
	_ = file.Close()
	args := []string{"-h", host, "-p", port, "-S", "-o", "2", "-j", file.Name()}
	if t.tls {
		args = append(args, "-t", "-k")
	}
	cmd := exec.CommandContext(ctx, b.binary("h2spec"), args...) // #nosec G204 -- what this tool built
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) { // it exits 1 when a case fails
		return nil, err
	}
	data, err := os.ReadFile(file.Name())
	if err != nil {
		return nil, err
	}
	var report junit
	if err := xml.Unmarshal(data, &report); err != nil {
		return nil, fmt.Errorf("h2spec's report: %w\n%s", err, said)
	}
	var out []outcome
	for _, s := range report.Suites {
		for _, c := range s.Cases {
			o := outcome{id: c.Package + ": " + c.Title, passed: true}
			for _, failure := range []*string{c.Failure, c.Error, c.Skipped} {
				if failure != nil {
					o.passed, o.detail = false, *failure
				}
			}
			out = append(out, o)
		}
	}
	return out, nil
}
