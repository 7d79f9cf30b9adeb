package compare

import (
	"testing"
	"time"
)

func TestParseInstant(t *testing.T) {
	for _, tc := range []struct {
		text    string
		seconds int64
		nanos   int64
		ok      bool
	}{
		{"1970-01-01T00:00:00Z", 0, 0, true},
		{"2024-02-29T12:34:56.5+02:00", 1709202896, 5e8, true},
		{"2024-02-29t10:34:56.500000000z", 1709202896, 5e8, true},
		{"2024-02-29 10:34:56-00:00", 1709202896, 0, true},
		{"2016-12-31T23:59:60Z", 1483228800, 0, true},
		{"2017-01-01T00:59:60.5+01:00", 1483228800, 5e8, true},
		{"2016-12-31T15:59:60-08:00", 1483228800, 0, true},
		{"2016-12-31T22:59:60Z", 0, 0, false},
		{"2016-12-31T23:59:61Z", 0, 0, false},
		{"1969-12-31T23:59:59.999999999999Z", -1, 999999999, true},
		{"0000-01-01T00:00:00Z", minSecond, 0, true},
		{"9999-12-31T23:59:59Z", maxSecond, 0, true},
		{"2023-02-29T00:00:00Z", 0, 0, false},
		{"2024-13-01T00:00:00Z", 0, 0, false},
		{"2024-01-01T24:00:00Z", 0, 0, false},
		{"2024-01-01T00:00:00", 0, 0, false},
		{"2024-01-01T00:00:00.Z", 0, 0, false},
		{"2024-01-01T00:00:00,5Z", 0, 0, false},
		{"2024-01-01T00:00:00+0200", 0, 0, false},
		{"2024-01-01T00:00:00+24:00", 0, 0, false},
		{"2024-01-01T0:00:00Z", 0, 0, false},
		{"2024-01-01", 0, 0, false},
		{"2024-01-01T00:00:00Zx", 0, 0, false},
		{"", 0, 0, false},
	} {
		got, ok := parseInstant([]byte(tc.text))
		if ok != tc.ok || ok && got != (instant{tc.seconds, tc.nanos}) {
			t.Errorf("%q: %v %v", tc.text, got, ok)
		}
		if want, err := time.Parse(time.RFC3339Nano, tc.text); err == nil && ok && !time.Unix(got.seconds, got.nanos).Equal(want) {
			t.Errorf("%q: %v, package time has %v", tc.text, got, want)
		}
	}
}

func TestUnixInstant(t *testing.T) {
	for _, tc := range []struct {
		text string
		want instant
		ok   bool
	}{
		{"0", instant{0, 0}, true},
		{"1709202896", instant{1709202896, 0}, true},
		{"1.709202896e9", instant{1709202896, 0}, true},
		{"1709202896.5", instant{1709202896, 5e8}, true},
		{"0.001", instant{0, 1e6}, true},
		{"1e-9", instant{0, 1}, true},
		{"1e-10", instant{0, 0}, true},
		{"1e-1000000000", instant{0, 0}, true},
		{"-0.25", instant{-1, 75e7}, true},
		{"-1e-10", instant{-1, 999999999}, true},
		{"-2", instant{-2, 0}, true},
		{"253402300799", instant{maxSecond, 0}, true},
		{"253402300800", instant{}, false},
		{"1709202896000", instant{}, false},
		{"1e1000000000", instant{}, false},
	} {
		got, ok := unixInstant(parseDecimal([]byte(tc.text)))
		if ok != tc.ok || ok && got != tc.want {
			t.Errorf("%s: %v %v, want %v %v", tc.text, got, ok, tc.want, tc.ok)
		}
	}
}

func TestInstantWithin(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		skew time.Duration
		want bool
	}{
		{"2024-01-01T00:00:00Z", "2024-01-01T02:00:00+02:00", 0, true},
		{"2024-01-01T00:00:00Z", "2024-01-01T00:00:02Z", 2 * time.Second, true},
		{"2024-01-01T00:00:00Z", "2024-01-01T00:00:02.000000001Z", 2 * time.Second, false},
		{"2024-01-01T00:00:00.999999999Z", "2024-01-01T00:00:01Z", time.Nanosecond, true},
		{"2024-01-01T00:00:00.999999998Z", "2024-01-01T00:00:01Z", time.Nanosecond, false},
		{"0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 1<<63 - 1, false},
	} {
		a, _ := parseInstant([]byte(tc.a))
		b, _ := parseInstant([]byte(tc.b))
		if a.within(b, nanosOf(tc.skew)) != tc.want || b.within(a, nanosOf(tc.skew)) != tc.want {
			t.Errorf("%s and %s within %v: %v", tc.a, tc.b, tc.skew, !tc.want)
		}
	}
}
