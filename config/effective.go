package config

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// YAML returns the effective configuration, defaults included, in the order of the reference. Tokens and the values of
// backends' headers are `[redacted]`, as is what came from the environment into a query or a header to match; passwords
// in DSNs are `xxxxx`. With the secrets put back it is a file that means the same.
func (c *Config) YAML() []byte { return c.encode(false).yaml() }

// What decides about evidence: with another one of these, what was seen before proves nothing about what runs now.
var evidencePaths = []string{
	"run.window", // the unit of evidence is cut to it
	"backends.old.url", "backends.old.host", "backends.old.headers", "backends.new.url", "backends.new.host", "backends.new.headers",
	"databases.old.dsn", "databases.new.dsn", "routes", "mirror.key", "mirror.recheck", "mirror.noise.auto", "compare", "checks", "gate",
}

// EvidenceYAML returns the part of YAML that decides about evidence. Two of them can be shown as a diff when they differ.
func (c *Config) EvidenceYAML() []byte {
	kept, _ := c.encode(false).pick("", evidencePaths)
	return kept.yaml()
}

// Checksum is the SHA-256 of EvidenceYAML, in hex. It differs if and only if the evidence must start again; a rotated
// secret or another fraction changes nothing.
func (c *Config) Checksum() string {
	sum := sha256.Sum256(c.EvidenceYAML())
	return hex.EncodeToString(sum[:])
}

// EvidenceChanges returns the paths of the fields for whose sake the checksums of two configurations differ, in the order of the file.
func EvidenceChanges(old, new *Config) []string {
	before, _ := old.encode(false).pick("", evidencePaths)
	after, _ := new.encode(false).pick("", evidencePaths)
	return differences(nil, "", before, after)
}

// What is built once, when the process starts.
var restartPaths = []string{
	"run", "listen.address", "listen.tls", "listen.limits", "admin", "backends", "databases",
	"mirror.workers", "mirror.queue", "mirror.memory",
	"gate.min_samples_per_route", "gate.latency.quantile", // the store counts and measures by them
	"rollback", "cutover", "journal", "redact", "store", "log",
}

// RestartNeeded returns the paths of the fields that differ and cannot change while the process runs, in the order of the
// file.
func RestartNeeded(old, new *Config) []string {
	all := differences(nil, "", old.encode(true), new.encode(true))
	return slices.DeleteFunc(all, func(path string) bool {
		return !slices.ContainsFunc(restartPaths, func(p string) bool {
			rest, ok := strings.CutPrefix(path, p)
			return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
		})
	})
}

func (c *Config) encode(clear bool) value {
	v, _ := schema(c).encode(&encoder{clear: clear, places: c.places}, "")
	return v
}

func (v value) yaml() []byte {
	var b strings.Builder
	v.writeEntries(&b, "", "")
	return []byte(b.String())
}
