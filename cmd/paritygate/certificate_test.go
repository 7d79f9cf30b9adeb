package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// writeCertificate writes a certificate with this serial number, and its key.
func writeCertificate(t *testing.T, certificateFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certificateFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A certificate that is replaced comes into use by itself; one that is no good does not, and is told.
func TestCertificateIsReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificateFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writeCertificate(t, certificateFile, keyFile, 1)
	older, newer := newShop(t), newShop(t)
	r := boot(t, plainConfig+"listen: {address: \"127.0.0.1:0\", drain: 2s, tls: {certificate: "+certificateFile+", key: "+keyFile+"}}\n", "OLD", older.URL, "NEW", newer.URL)
	serial := func() int64 {
		conn, err := tls.Dial("tcp", r.frontListen.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Fatalf("certificate %d", n)
	}
	success := func() float64 {
		families, err := r.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "paritygate_config_reload_success" {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return -1
	}

	writeCertificate(t, certificateFile, keyFile, 2)
	r.eventually("the second is in use", func() bool { return serial() == 2 })

	if err := os.WriteFile(keyFile, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.eventually("the bad one is told", func() bool { return success() == 0 })
	if n := serial(); n != 2 {
		t.Errorf("certificate %d", n)
	}
	r.eventually("it is in the audit log", func() bool { return r.events("certificate_failed") > 0 })
	r.reloadConfig(t.Context()) // as SIGHUP does
	if n := r.events("reload_failed"); n != 1 || serial() != 2 {
		t.Errorf("%d failed reloads", n)
	}

	writeCertificate(t, certificateFile, keyFile, 3)
	r.eventually("the third is in use", func() bool { return serial() == 3 })
	r.reloadConfig(t.Context())
	r.eventually("the last reload is told to have succeeded", func() bool { return success() == 1 })
}
