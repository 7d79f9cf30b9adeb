package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// bench is what all suites share: the binaries, a certificate, and two plain backends.
type bench struct {
	root, dir string
	cert, key string // PEM files, of localhost and 127.0.0.1
	roots     *x509.CertPool
	pair      tls.Certificate
	plain     backends
}

// backends are the two servers behind a proxy.
type backends struct {
	old, new string // base URLs
	// http2 says that the control must ask them in HTTP/2.
	http2 bool
	// counting says that old counts its requests, so that a mismatch must not be asked again.
	counting bool
	stop     func()
}

func newBench(ctx context.Context, root string) (_ *bench, err error) {
	b := &bench{root: root}
	if b.dir, err = os.MkdirTemp("", "conformance"); err != nil {
		return nil, err
	}
	b.plain.stop = func() {}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if err = b.certify(); err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	if err = b.build(ctx, root, "paritygate", "./cmd/paritygate"); err != nil {
		return nil, err
	}
	here := filepath.Join(root, "tools", "conformance")
	for name, pkg := range map[string]string{
		"h2spec":      "github.com/summerwind/h2spec/cmd/h2spec",
		"grpc-client": "google.golang.org/grpc/interop/client",
		"grpc-server": "google.golang.org/grpc/interop/server",
	} {
		if err = b.build(ctx, here, name, pkg); err != nil {
			return nil, err
		}
	}
	old, stopOld, err := listenHTTP(ctx, http.HandlerFunc(answerPlainly), nil)
	if err != nil {
		return nil, err
	}
	fresh, stopNew, err := listenHTTP(ctx, http.HandlerFunc(answerPlainly), nil)
	if err != nil {
		stopOld()
		return nil, err
	}
	b.plain = backends{old: "http://" + old, new: "http://" + fresh, stop: func() { stopOld(); stopNew() }}
	return b, nil
}

func (b *bench) close() {
	b.plain.stop()
	_ = os.RemoveAll(b.dir)
}

func (b *bench) binary(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) build(ctx context.Context, dir, name, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.binary(name), pkg) // #nosec G204 -- fixed packages
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// certify makes a certificate that is its own authority.
func (b *bench) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	b.cert, b.key = filepath.Join(b.dir, "tls.crt"), filepath.Join(b.dir, "tls.key")
	if err := os.WriteFile(b.cert, certPEM, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(b.key, keyPEM, 0o600); err != nil {
		return err
	}
	b.roots = x509.NewCertPool()
	b.roots.AppendCertsFromPEM(certPEM)
	b.pair, err = tls.X509KeyPair(certPEM, keyPEM)
	return err
}

// answerPlainly is the backend of the suites that only ask for some answer with a body.
func answerPlainly(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Server", "conformance")
	for range 64 {
		if _, err := w.Write([]byte("an answer of some length, for the tests of flow control\n")); err != nil {
			return
		}
	}
}

// listenHTTP serves on a free port: HTTP/1.1 and HTTP/2, with TLS if there is a configuration.
func listenHTTP(ctx context.Context, h http.Handler, secure *tls.Config) (address string, stop func(), err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(secure == nil)
	s := &http.Server{Handler: h, Protocols: protocols, TLSConfig: secure, ReadHeaderTimeout: 10 * time.Second, ErrorLog: silent()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if secure != nil {
			_ = s.ServeTLS(l, "", "")
			return
		}
		_ = s.Serve(l)
	}()
	return l.Addr().String(), func() { _ = s.Close(); <-ended }, nil
}
