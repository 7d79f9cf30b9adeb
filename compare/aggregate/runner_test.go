package aggregate

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestNewNamesEverythingThatIsWrong(t *testing.T) {
	good := every("a", time.Minute)
	with := func(change func(*Check)) []Check {
		c := good
		change(&c)
		return []Check{c}
	}
	tests := []struct {
		name   string
		checks []Check
		want   string // empty: no error
	}{
		{"good", []Check{good}, ""},
		{"no name", with(func(c *Check) { c.Name = "" }), `checks[0] "": name is empty`},
		{"type", with(func(c *Check) { c.Type = "median" }), `type "median" is none of [count scalar`},
		{"twice", []Check{good, good}, `checks[1] "a": another check has this name`},
		{"negative interval", with(func(c *Check) { c.Every = -1 }), "must be above 0"},
		{"stale at once", with(func(c *Check) { c.MaxAge = time.Second }), "max_age (1s) not below it"},
		{"relative above 1", with(func(c *Check) { c.Tolerance.Relative = "1.01" }), "tolerance.relative: must be at most 1"},
		{"negative", with(func(c *Check) { c.Tolerance.Absolute = "-1" }), "tolerance.absolute: must be a decimal"},
		{"NaN", with(func(c *Check) { c.Tolerance.Relative = "NaN" }), "must be a decimal"},
		{"an exponent", with(func(c *Check) { c.Tolerance.Absolute = "1e999999999" }), "must be a decimal"},
		{"a fraction", with(func(c *Check) { c.Tolerance.Absolute = "1/3" }), "must be a decimal"},
		{"a side", with(func(c *Check) { c.New = Side{} }), `checks[0] "a": new: give sql`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(Options{Old: Database{DSN: "host=a"}, New: Database{DSN: "host=b"}, Checks: test.checks})
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestNewWithoutDatabases(t *testing.T) {
	r, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if old, new := r.Probe(t.Context()); !errors.Is(old, ErrNoDatabase) || !errors.Is(new, ErrNoDatabase) {
		t.Errorf("%v, %v", old, new)
	}
	if err := r.SetChecks([]Check{every("a", time.Minute)}); !errors.Is(err, ErrNoDatabase) {
		t.Error(err)
	}
	if results, err := r.RunAll(t.Context(), nil, Mode{}); err != nil || len(results) != 0 {
		t.Errorf("%v, %v", results, err)
	}
	if _, err := New(Options{Checks: []Check{every("a", time.Minute)}}); !errors.Is(err, ErrNoDatabase) || !strings.Contains(err.Error(), "old database") || !strings.Contains(err.Error(), "new database") {
		t.Error(err)
	}
}

func TestDefaults(t *testing.T) {
	r, err := New(Options{Old: Database{DSN: "host=a"}, New: Database{DSN: "host=b"}, Checks: []Check{every("a", 0)}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if c := r.Checks()[0]; c.Every != 5*time.Minute || c.MaxAge != 15*time.Minute {
		t.Errorf("%+v", c)
	}
	if d := r.databases[0]; cap(d.slots) != 2 || d.timeout != 30*time.Second {
		t.Errorf("%d connections, %s", cap(d.slots), d.timeout)
	}
}
