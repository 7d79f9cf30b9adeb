//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// describe writes what was measured where.
func (b *bench) describe(w io.Writer) {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	before, _, _ := strings.Cut(string(load), " ")
	fmt.Fprintf(w, "Measured on %s by `make bench-peers`: %d × %s, Linux %s, load %s before; %s; %s, %s for the harness and the standard library's proxy.\n\n",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.NumCPU()+b.hidden(), cpuModel(), strings.TrimSpace(string(kernel)), before,
		said(b.paritygate, "version"), said(b.nginx, "-v"), runtime.Version())
}

// hidden is how many cores this process may not use.
func (b *bench) hidden() int {
	info, _ := os.ReadFile("/proc/cpuinfo")
	return strings.Count(string(info), "processor\t") - runtime.NumCPU()
}

func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// said is the first line of what a program says of its version.
func said(name string, args ...string) string {
	if name == "" {
		return "no nginx"
	}
	out, _ := exec.Command(name, args...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

// The markers between which publish puts the section.
const (
	beginMark = "<!-- bench-peers: written by make bench-peers -->\n"
	endMark   = "<!-- bench-peers ends -->\n"
)

// publish writes the section to a file.
func publish(file, section string) error {
	text := beginMark + "\n" + section + endMark
	if data, err := os.ReadFile(file); err == nil {
		before, rest, found := strings.Cut(string(data), beginMark)
		if _, after, ended := strings.Cut(rest, endMark); found && ended {
			text = before + text + after
		}
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return fmt.Errorf("the report: %w", err)
	}
	return nil
}
