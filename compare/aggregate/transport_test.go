package aggregate_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"paritygate/compare/aggregate"
	"paritygate/internal/testkit"
)

// selfSigned makes a certificate for 127.0.0.1, and its key, in PEM form.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// overTLS has the shared server take TLS with this certificate. The server writes the files itself: the key must be its own.
func overTLS(t *testing.T, certificate, key string) {
	t.Helper()
	write := func(name, text string) {
		server.Run(t, "postgres", fmt.Sprintf("COPY (SELECT unnest(string_to_array('%s', chr(10)))) TO PROGRAM 'cat > %s && chmod 600 %s'", text, name, name))
	}
	write("tls.crt", certificate)
	write("tls.key", key)
	set := func(sql string) {
		if err := server.Exec(context.Background(), "postgres", sql); err != nil {
			t.Error(err)
		}
	}
	set("ALTER SYSTEM SET ssl_cert_file = 'tls.crt'")
	set("ALTER SYSTEM SET ssl_key_file = 'tls.key'")
	set("ALTER SYSTEM SET ssl = on")
	set("SELECT pg_reload_conf()")
	t.Cleanup(func() {
		set("ALTER SYSTEM RESET ALL")
		set("SELECT pg_reload_conf()")
	})
	probe := connect(t, newDSN)
	testkit.Eventually(t, 10*time.Second, func() (on bool) {
		if err := probe.QueryRow(t.Context(), "SELECT setting = 'on' FROM pg_settings WHERE name = 'ssl'").Scan(&on); err != nil {
			t.Fatal(err)
		}
		return on
	}, "the server does not switch TLS on")
}

func TestTLSModes(t *testing.T) {
	certificate, key := selfSigned(t)
	stranger, _ := selfSigned(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca, other := file("ca.pem", certificate), file("other.pem", stranger)
	u, err := url.Parse(newDSN)
	if err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, host, query string) aggregate.Result {
		to := *u
		to.Host, to.RawQuery = net.JoinHostPort(host, u.Port()), query
		r := start(t, aggregate.Options{New: aggregate.Database{DSN: to.String()}, Checks: []aggregate.Check{
			scalar("a", "SELECT 'true'", "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
		}})
		return runNow(t, r, "a", aggregate.Mode{})
	}
	if got := check(t, "127.0.0.1", "sslmode=require"); got.Verdict != aggregate.Inconclusive || !strings.Contains(got.Reason, "server refused TLS connection") {
		t.Errorf("a server without TLS: %s: %s", got.Verdict, got.Reason)
	}
	overTLS(t, certificate, key)
	tests := []struct {
		host, query string
		verdict     aggregate.Verdict
		reason      string
	}{
		{"127.0.0.1", "sslmode=disable", aggregate.Fail, `new gave "false"`},
		{"127.0.0.1", "sslmode=prefer", aggregate.Pass, ""},
		{"127.0.0.1", "sslmode=require", aggregate.Pass, ""},
		{"127.0.0.1", "sslmode=verify-ca&sslrootcert=" + ca, aggregate.Pass, ""},
		{"127.0.0.1", "sslmode=verify-full&sslrootcert=" + ca, aggregate.Pass, ""},
		{"localhost", "sslmode=verify-ca&sslrootcert=" + ca, aggregate.Pass, ""},
		{"localhost", "sslmode=verify-full&sslrootcert=" + ca, aggregate.Inconclusive, "tls: failed to verify certificate"},
		{"127.0.0.1", "sslmode=verify-ca&sslrootcert=" + other, aggregate.Inconclusive, "certificate"},
		{"127.0.0.1", "sslmode=verify-full", aggregate.Inconclusive, "tls: failed to verify certificate"},
	}
	for _, test := range tests {
		t.Run(test.host+" "+strings.ReplaceAll(test.query, dir, ""), func(t *testing.T) {
			got := check(t, test.host, test.query)
			if got.Verdict != test.verdict || !strings.Contains(got.Reason, test.reason) || strings.Contains(got.Reason, server.Password()) {
				t.Errorf("%s: %s", got.Verdict, got.Reason)
			}
		})
	}
}

func TestIPv6(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("this machine has no IPv6: %v", err)
	}
	defer listener.Close()
	u, err := url.Parse(newDSN)
	if err != nil {
		t.Fatal(err)
	}
	target := u.Host
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				defer client.Close()
				direct, err := new(net.Dialer).DialContext(context.WithoutCancel(t.Context()), "tcp", target)
				if err != nil {
					return // the check says so
				}
				defer direct.Close()
				go func() {
					_, _ = io.Copy(direct, client)
					_ = direct.Close()
				}()
				_, _ = io.Copy(client, direct)
			}()
		}
	}()
	u.Host = listener.Addr().String()
	password, _ := u.User.Password()
	_, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	keyword := fmt.Sprintf("host=::1 port=%s user=%s password=%s dbname=shop_new sslmode=disable", port, u.User.Username(), password)
	for _, dsn := range []string{u.String(), keyword} {
		r := start(t, aggregate.Options{New: aggregate.Database{DSN: dsn}, Checks: []aggregate.Check{scalar("a", "SELECT 1", "SELECT 1")}})
		verify(t, runNow(t, r, "a", aggregate.Mode{}), aggregate.Pass, 0, "")
	}
}

// Whatever is asked beside a check's own statement goes through a pooler in transaction mode as well.
func TestLagSettledAndCostThroughAPooler(t *testing.T) {
	dsn, runs := testkit.Pooler(t, server, "shop_new", "postgres", server.Password(), 1)
	check := scalar("a", "SELECT 24900 WHERE {settled} < now()", `SELECT count(*) FROM "Perf"."Data.Set" WHERE at <= {settled}`)
	check.MaxCost, check.Settled = 1e6, &aggregate.Settled{Lag: time.Second}
	r := start(t, aggregate.Options{
		New:    aggregate.Database{DSN: dsn, Lag: aggregate.Lag{SQL: "SELECT interval '0.1 s'", Max: time.Second}},
		Checks: []aggregate.Check{check}, Recheck: []time.Duration{time.Millisecond},
	})
	for range 3 {
		verify(t, runNow(t, r, "a", aggregate.Mode{}), aggregate.Pass, 0, "")
		explained, err := r.Explain(t.Context(), nil)
		if err != nil || len(explained[0].Statements) != 2 || explained[0].Problem != "" {
			t.Errorf("%+v, %v", explained, err)
		}
	}
	if !runs() {
		t.Error("PgBouncer has exited")
	}
}
