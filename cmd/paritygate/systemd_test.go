package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"paritygate/config"
)

// unit is a unit file of systemd: section, key, values in order.
type unit map[string]map[string][]string

func readUnit(t *testing.T, name string) unit {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../examples/systemd", name))
	if err != nil {
		t.Fatal(err)
	}
	u, section := unit{}, ""
	for n, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
			u[section] = map[string][]string{}
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok || section == "" || key != strings.TrimSpace(key) {
				t.Fatalf("%s:%d: %q is no assignment in a section", name, n+1, line)
			}
			u[section][key] = append(u[section][key], value)
		}
	}
	return u
}

func (u unit) one(t *testing.T, section, key string) string {
	t.Helper()
	if values := u[section][key]; len(values) == 1 {
		return values[0]
	}
	t.Fatalf("[%s] %s= is there %d times", section, key, len(u[section][key]))
	return ""
}

// The units of the examples fit together, and the program: its command line, its sockets' names, and the time that it needs.
func TestSystemdUnits(t *testing.T) {
	files, err := filepath.Glob("../../examples/systemd/*")
	if err != nil || len(files) != 3 {
		t.Fatalf("%q %v", files, err)
	}
	service := readUnit(t, "paritygate.service")
	var names []string
	for _, name := range strings.Fields(service.one(t, "Service", "Sockets")) {
		socket := readUnit(t, name)
		if got := socket.one(t, "Socket", "Service"); got != "paritygate.service" {
			t.Errorf("%s starts %s", name, got)
		}
		names = append(names, socket.one(t, "Socket", "FileDescriptorName"))
		address := socket.one(t, "Socket", "ListenStream")
		want := map[string]string{proxySocket: config.Default().Listen.Address, adminSocket: config.Default().Admin.Address}[names[len(names)-1]]
		if _, _, err := net.SplitHostPort(address); err != nil {
			address = ":" + address
		}
		if address != want {
			t.Errorf("%s listens on %s, the configuration's default is %s", name, address, want)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{adminSocket, proxySocket}) {
		t.Errorf("the sockets are named %q", names)
	}
	if got := service.one(t, "Unit", "Requires"); got != service.one(t, "Service", "Sockets") {
		t.Errorf("it requires %s", got)
	}

	command := strings.Fields(service.one(t, "Service", "ExecStart"))
	found, rest, err := newRoot(&options{}).Find(command[1:])
	if err != nil || found.Name() != "serve" || found.ParseFlags(rest) != nil || found.Flags().NArg() != 0 {
		t.Errorf("%q is no command line: %v", command, err)
	}
	for key, want := range map[string]string{"Type": "notify", "NotifyAccess": "main", "KillMode": "mixed", "ExecReload": "/bin/kill -HUP $MAINPID"} {
		if got := service.one(t, "Service", key); got != want {
			t.Errorf("%s is %s", key, got)
		}
	}
	seconds, err := strconv.Atoi(service.one(t, "Service", "TimeoutStopSec"))
	if least := 2 * config.Default().Listen.Drain; err != nil || time.Duration(seconds)*time.Second < least {
		t.Errorf("TimeoutStopSec=%d (%v), and a drain with what follows may take %s", seconds, err, least)
	}
	if dir := fmt.Sprintf("/var/lib/%s", service.one(t, "Service", "StateDirectory")); dir != service.one(t, "Service", "WorkingDirectory") {
		t.Errorf("it works in %s", service.one(t, "Service", "WorkingDirectory"))
	}
}
