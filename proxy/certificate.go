package proxy

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// Certificate is a TLS certificate with its key, read from two files, that can be replaced while it is in use: certificates
// expire sooner than a soak ends.
type Certificate struct {
	certificateFile, keyFile string

	mu      sync.Mutex
	seen    []byte // digest of what was read last, good or not
	current atomic.Pointer[tls.Certificate]
}

// LoadCertificate reads both files, in PEM form.
func LoadCertificate(certificateFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certificateFile: certificateFile, keyFile: keyFile}
	if _, err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files again and reports whether they have changed since they were read last. If they make no pair, the
// certificate in use stays.
func (c *Certificate) Reload() (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	certificate, err := os.ReadFile(c.certificateFile)
	var key []byte
	if err == nil {
		key, err = os.ReadFile(c.keyFile)
	}
	seen := sha256.New()
	fmt.Fprintf(seen, "%d %v\n", len(certificate), err)
	seen.Write(certificate)
	seen.Write(key)
	digest := seen.Sum(nil)
	changed = !bytes.Equal(digest, c.seen)
	c.seen = digest
	if err != nil {
		return changed, fmt.Errorf("read the TLS certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return changed, fmt.Errorf("the TLS certificate %s with the key %s: %w", c.certificateFile, c.keyFile, err)
	}
	if changed {
		c.current.Store(&pair)
	}
	return changed, nil
}

func (c *Certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
