package compare

import (
	"math/bits"
	"time"
)

// instant is a point in time: nanoseconds since the Unix epoch.
type instant struct {
	seconds int64
	nanos   int64 // 0 to 999,999,999
}

// nanos is a length of time in nanoseconds; time.Duration holds no more than 292 years, and no difference of two of those.
type nanos uint64

func nanosOf(d time.Duration) nanos { return nanos(max(d, 0)) }

// The first and the last second that RFC 3339 can write.
const (
	minSecond = -62167219200
	maxSecond = 253402300799
)

const minutesOfDay = 24 * 60

// within reports whether two instants are at most skew apart.
func (a instant) within(b instant, skew nanos) bool {
	if a.seconds < b.seconds || a.seconds == b.seconds && a.nanos < b.nanos {
		a, b = b, a
	}
	high, low := bits.Mul64(uint64(a.seconds-b.seconds), uint64(time.Second))
	if high != 0 {
		return false
	}
	// What is added may be negative, but the sum is not; only a sum past 64 bits is a carry.
	if delta := a.nanos - b.nanos; delta < 0 {
		low -= uint64(-delta)
	} else if low, high = bits.Add64(low, uint64(delta), 0); high != 0 {
		return false
	}
	return nanos(low) <= skew
}

// parseInstant reads an RFC 3339 date and time. Digits beyond the nanosecond are cut off.
func parseInstant(s []byte) (instant, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':' ||
		s[10] != 'T' && s[10] != 't' && s[10] != ' ' {
		return instant{}, false
	}
	var f [6]int
	for i, span := range [6][2]int{{0, 4}, {5, 7}, {8, 10}, {11, 13}, {14, 16}, {17, 19}} {
		n, ok := number(s[span[0]:span[1]])
		if !ok {
			return instant{}, false
		}
		f[i] = n
	}
	year, month, day, hour, minute, second := f[0], f[1], f[2], f[3], f[4], f[5]
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 60 {
		return instant{}, false
	}
	fraction, rest, ok := parseFraction(s[19:])
	if !ok {
		return instant{}, false
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return instant{}, false
	}
	// 60 is a leap second, which ends a day of UTC. It is the same instant as the next day's 0, as Unix time has it.
	if second == 60 && (hour*60+minute-offset/60+minutesOfDay)%minutesOfDay != minutesOfDay-1 {
		return instant{}, false
	}
	midnight := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix()
	return instant{midnight + int64(hour*3600+minute*60+second-offset), fraction}, true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month+1), 0, 0, 0, 0, 0, time.UTC).Day()
}

// number reads decimal digits.
func number(s []byte) (int, bool) {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// parseFraction reads the fraction of a second, if there is one, as nanoseconds.
func parseFraction(s []byte) (fraction int64, rest []byte, ok bool) {
	if s[0] != '.' {
		return 0, s, true
	}
	i, unit := 1, int64(time.Second)
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		unit /= 10
		fraction += int64(s[i]-'0') * unit
	}
	return fraction, s[i:], i > 1
}

// parseOffset reads Z or ±hh:mm as seconds east of UTC.
func parseOffset(s []byte) (int, bool) {
	if len(s) == 1 {
		return 0, s[0] == 'Z' || s[0] == 'z'
	}
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	hours, ok1 := number(s[1:3])
	minutes, ok2 := number(s[4:6])
	if !ok1 || !ok2 || hours > 23 || minutes > 59 {
		return 0, false
	}
	offset := hours*3600 + minutes*60
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true
}

// unixInstant reads a number as Unix seconds, if it names a time of the years 0 to 9999. Digits beyond the nanosecond are
// cut off, toward the past.
func unixInstant(d decimal) (instant, bool) {
	if !d.bounded() || d.magnitude() > 12 {
		return instant{}, false
	}
	var t instant
	unit := int64(time.Second)
	for i := range int(max(d.magnitude(), 0)) {
		t.seconds *= 10
		if i < len(d.digits) {
			t.seconds += int64(d.digits[i] - '0')
		}
	}
	cut := false
	for place := int64(-1); place >= d.exponent; place-- {
		i := d.magnitude() - 1 - place
		if unit /= 10; unit == 0 {
			cut = true
			break
		}
		if i >= 0 && i < int64(len(d.digits)) {
			t.nanos += int64(d.digits[i]-'0') * unit
		}
	}
	if d.negative {
		t = t.negate(cut)
	}
	return t, t.seconds >= minSecond && t.seconds <= maxSecond
}

// negate returns -a, a nanosecond earlier if digits were cut off.
func (a instant) negate(cut bool) instant {
	a.seconds, a.nanos = -a.seconds, -a.nanos
	if cut {
		a.nanos--
	}
	if a.nanos < 0 {
		a.seconds--
		a.nanos += int64(time.Second)
	}
	return a
}
