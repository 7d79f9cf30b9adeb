package postgres

import (
	"strings"
	"testing"
)

func TestParseDSNKeepsThePassword(t *testing.T) {
	// Each is malformed in a way that makes a parser quote a part of it.
	tests := []struct{ name, dsn, want string }{
		{"slash in the password", "postgres://app:1234/secret@db:5432/shop", "percent-encoded"},
		{"at in the password", "postgresql://app:1234@secret@db:5432/shop", "percent-encoded"},
		{"at and slash in the password", "postgres://app:1234@x/secret@db:5432/shop", "percent-encoded"},
		{"slash and question mark", "postgres://app:1234/x?secret@db:5432/shop", "percent-encoded"},
		{"percent", "postgres://app:secret%zz1234@db:5432/shop", "percent-encoded"},
		{"NUL", "postgres://app:secret\x001234@db/shop", "percent-encoded"},
		{"port", "postgres://app:secret1234@db:port/shop", "percent-encoded"},
		{"colon in the password", "postgres://app:secret:1234@db:x5432/shop", "percent-encoded"},
		{"bare words", "secret1234", "percent-encoded"},
		{"unclosed quote", "host=db password='secret1234", "percent-encoded"},
		{"space in a keyword's value", "host=db password=sec secret1234", "percent-encoded"},
		{"sslmode", "postgres://app:secret1234@db/shop?sslmode=no-secret", "sslmode is not one of"},
		{"a file that is not there", "postgres://app:secret1234@db/shop?sslmode=verify-full&sslrootcert=missing.pem", "missing.pem"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseDSN(test.dsn)
			if err == nil {
				t.Fatalf("no error, want %q", test.want)
			}
			if text := err.Error(); !strings.Contains(text, test.want) || strings.Contains(text, "secret") || strings.Contains(text, "1234") {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestParseDSNAccepts(t *testing.T) {
	tests := []struct{ name, dsn, user, password, host string }{
		{"url", "postgres://app:secret@db:6432/shop", "app", "secret", "db"},
		{"what libpq takes for a password", "postgres://app:se#c?r:et@db/shop", "app", "se#c?r:et", "db"},
		{"an @ in the query", "postgres://app:secret@db/shop?application_name=a@b", "app", "secret", "db"},
		{"several hosts", "postgres://app:secret@db,other:5433/shop", "app", "secret", "db"},
		{"IPv6", "postgres://app:secret@[::1]:5432/shop", "app", "secret", "::1"},
		{"keywords", "host=db user=app password='se cr\\'et'", "app", "se cr'et", "db"},
		{"everything in the query", "postgres:///shop?host=db&user=app%40tenant&password=a@b", "app@tenant", "a@b", "db"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config, err := ParseDSN(test.dsn)
			if err != nil {
				t.Fatal(err)
			}
			if config.User != test.user || config.Password != test.password || config.Host != test.host {
				t.Errorf("%s, %s, %s", config.User, config.Password, config.Host)
			}
			if config.RuntimeParams["application_name"] != "paritygate" || config.ConnectTimeout == 0 {
				t.Errorf("%v, %s", config.RuntimeParams, config.ConnectTimeout)
			}
		})
	}
}

func TestRedactor(t *testing.T) {
	const dsn = "postgres://app:p%40ss%20word@db/shop"
	config, err := ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	r := NewRedactor(dsn, config)
	got := r.Clean("raw p@ss word, query p%40ss+word, path p%40ss%20word, whole " + dsn + ", user app")
	if strings.Contains(got, "ss") || strings.Contains(got, "postgres://") || !strings.HasSuffix(got, "user app") {
		t.Error(got)
	}
	if got := NewRedactor("host=db", config).Clean("nothing to hide"); got != "nothing to hide" {
		t.Error(got)
	}
}

// FuzzParseDSN looks for a password that comes out in an error, or ends up in a part of the DSN that is shown.
func FuzzParseDSN(f *testing.F) {
	for _, seed := range []string{"/", "#", "?", "%", " ", "'", `\`, ":", "@", "=", "\x00", "]", "[::1", "@x/", "@?", "/@"} {
		f.Add(seed)
	}
	secret := func(s string) bool { return strings.Contains(s, "7531") || strings.Contains(s, "s3cret") }
	f.Fuzz(func(t *testing.T, odd string) {
		for _, dsn := range []string{
			"postgres://app:7531" + odd + "s3cret@db:5432/shop", "host=db password=7531" + odd + "s3cret user=app",
			"host=db password='7531" + odd + "s3cret' user=app",
		} {
			config, err := ParseDSN(dsn)
			if err != nil && secret(err.Error()) {
				t.Errorf("%q: %v", dsn, err)
			}
			// With a = in it, it may be another setting in good form.
			if err == nil && !strings.Contains(odd, "=") && secret(config.Host+config.User+config.Database) {
				t.Errorf("%q: host %q, user %q, database %q", dsn, config.Host, config.User, config.Database)
			}
		}
	})
}

func TestOneLineSaysNothingTwice(t *testing.T) {
	driver := "db:5432: dial error: connection refused\n\tdb:5432: dial error: connection refused\n\tother:5432: no  route"
	if got, want := oneLine(driver), "db:5432: dial error: connection refused; other:5432: no route"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
