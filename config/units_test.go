package config

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "250ms": 250 * time.Millisecond, "10s": 10 * time.Second, "48h": 48 * time.Hour, "14d": 14 * day,
		"1d12h": 36 * time.Hour, "1.5h": 90 * time.Minute, "2h45m10s": 2*time.Hour + 45*time.Minute + 10*time.Second, "106751d": 106751 * day,
	} {
		got, ok := parseDuration(text)
		if !ok || got != want {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", text, got, ok, want)
		}
		if again, ok := parseDuration(formatDuration(got)); !ok || again != got {
			t.Errorf("%v is written as %q, which is read as %v, %v", got, formatDuration(got), again, ok)
		}
	}
	for _, text := range []string{
		"", " ", "5", "-5s", "+5s", "5 s", "1h1d", "d", "s", "1.5d", "1e3s", "106752d", "99999999d", "9999999999h", "∞", "1d-1h", "5M",
	} {
		if got, ok := parseDuration(text); ok {
			t.Errorf("parseDuration(%q) = %v, want none", text, got)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "250ms": 250 * time.Millisecond, "2m": 2 * time.Minute, "48h": 48 * time.Hour, "14d": 14 * day, "1m30s": 90 * time.Second,
		"1h0m5s": time.Hour + 5*time.Second, "10m": 10 * time.Minute, "20h": 20 * time.Hour,
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("formatDuration(%v) = %s, want %s", d, got, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "512B": 512, "64KiB": 64 << 10, "1MiB": 1 << 20, "3GiB": 3 << 30, "2TiB": 2 << 40, "1000": 1000,
		"9223372036854775807": 1<<63 - 1,
	} {
		got, ok := parseSize(text)
		if !ok || got != want {
			t.Errorf("parseSize(%q) = %d, %v; want %d", text, got, ok, want)
		}
		if again, ok := parseSize(formatSize(got)); !ok || again != got {
			t.Errorf("%d is written as %q, which is read as %d, %v", got, formatSize(got), again, ok)
		}
	}
	for _, text := range []string{"", "KiB", "-1", "+1", "1.5MiB", "1 MiB", "1MB", "1k", "1kib", "9223372036854775808", "8388608TiB", "0x10", "1_000"} {
		if got, ok := parseSize(text); ok {
			t.Errorf("parseSize(%q) = %d, want none", text, got)
		}
	}
}

func TestParseFraction(t *testing.T) {
	for text, want := range map[string]Decimal{
		"10%": "0.1", "0.1": "0.1", "1%": "0.01", "100%": "1", "0%": "0", "1": "1", "0": "0", ".5": "0.5", "0.05%": "0.0005", "1e-2": "0.01",
		"12.50%": "0.125", "-5%": "-0.05", "250%": "2.5", "1E2%": "1", "000.100": "0.1", "-0": "0",
	} {
		if got, ok := parseFraction(text); !ok || got != want {
			t.Errorf("parseFraction(%q) = %s, %v; want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "%", ".", "1 %", "%1", "1%%", "NaN", ".nan", "inf", "1e", "1e9999", "0x1", "1,5", "١"} {
		if got, ok := parseFraction(text); ok {
			t.Errorf("parseFraction(%q) = %s, want none", text, got)
		}
	}
	for want, d := range map[string]Decimal{"10%": "0.1", "0.05%": "0.0005", "100%": "1", "0%": "0", "12.5%": "0.125"} {
		if got := formatFraction(d); got != want {
			t.Errorf("formatFraction(%s) = %s, want %s", d, got, want)
		}
	}
}

// TestDecimalIsExact holds what float64 would lose.
func TestDecimalIsExact(t *testing.T) {
	for text, want := range map[string]Decimal{
		"0.1000000000000000055511151231257827": "0.1000000000000000055511151231257827", "9007199254740993": "9007199254740993",
		"5e-3": "0.005", "1e3": "1000", "1.230": "1.23",
	} {
		if got, ok := parseDecimal(text, 0); !ok || got != want {
			t.Errorf("parseDecimal(%q) = %s, %v; want %s", text, got, ok, want)
		}
	}
	if Decimal("1").cmp("1.0000000000000000000001") >= 0 {
		t.Error("1 is not less than 1.0000000000000000000001")
	}
}

func TestExpand(t *testing.T) {
	for name, test := range map[string]struct {
		in, want string
		expanded bool
		problems int
	}{
		"nothing":              {"plain $X $ {X}", "plain $X $ {X}", false, 0},
		"variable":             {"a ${NAME} b", "a orders b", true, 0},
		"two":                  {"${NAME}-${WAIT}", "orders-7s", true, 0},
		"default unused":       {"${NAME:-other}", "orders", true, 0},
		"default if missing":   {"${NONE:-a b:-c}", "a b:-c", true, 0},
		"default if empty":     {"${EMPTY:-x}", "x", true, 0},
		"empty default":        {"${NONE:-}", "", true, 0},
		"empty variable":       {"[${EMPTY}]", "[]", true, 0},
		"escaped":              {"$${NAME}", "${NAME}", false, 0},
		"escaped and not":      {"$${NAME}=${NAME}", "${NAME}=orders", true, 0},
		"dollar, then escaped": {"$$${NAME}", "$${NAME}", false, 0},
		"not expanded again":   {"${INJECT}", environment["INJECT"], true, 0},
		"missing":              {"${NONE}", "", true, 1},
		"two missing":          {"${NONE} ${NOR_THIS}", " ", true, 2},
		"open":                 {"${NAME", "", true, 1},
		"no name":              {"${}", "", true, 1},
		"digit":                {"${1}", "", true, 1},
		"nested":               {"${NONE:-${NAME}}", "}", true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, expanded, problems := expand(test.in, lookup)
			if got != test.want || expanded != test.expanded || len(problems) != test.problems {
				t.Errorf("expand(%q) = %q, %v, %q", test.in, got, expanded, problems)
			}
			if again, _, _ := expand(escape(got), nil); again != got {
				t.Errorf("escaped and expanded, %q is %q", got, again)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	words := []string{"tolerance", "headers", "max_body", "rules", "min_samples", "min_samples_per_route"}
	for typed, want := range map[string]string{
		"tolernace": "tolerance", "Tolerance": "tolerance", "header": "headers", "maxBody": "max_body", "max-body": "max_body", "rlues": "rules",
		"min_sample": "min_samples", "colour": "", "x": "", "": "",
	} {
		if got := nearest(typed, words); got != want {
			t.Errorf("nearest(%q) = %q, want %q", typed, got, want)
		}
	}
}
