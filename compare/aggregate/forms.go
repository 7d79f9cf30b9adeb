package aggregate

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// asWritten is for types that a database writes in one way only.
func asWritten(v value) (string, bool) { return v.text, true }

// foldOf folds what the database wrote for a value of a type, under the settings of our sessions.
func foldOf(oid uint32) fold {
	switch familyOf(oid) {
	case numbers:
		if oid == moneyOID {
			return foldMoney
		}
		return foldNumber
	case truths:
		return foldTruth
	case moments:
		return foldMoment
	case hours:
		return foldHour
	case addresses:
		return foldAddress
	case texts:
		return foldText(oid)
	case uuids, intervals, documents, binaries, bits:
	}
	return asWritten
}

// reads are how a text is read that stands for a value of a family; what is not here is compared as it is written.
var reads = map[family]fold{
	numbers: readNumber, truths: readTruth, uuids: readUUID, moments: readMoment, hours: foldHour, addresses: foldAddress,
	documents: readDocument,
}

// readAs folds the texts of a type of text that stand for values of a family on the other side.
func readAs(f family, oid uint32) fold {
	text := foldText(oid)
	read, ok := reads[f]
	if !ok {
		return text
	}
	return func(v value) (string, bool) {
		v.text, _ = text(v)
		return read(v)
	}
}

// foldTexts are the folds of two types of text. Where one is char(n), blanks at the end mean nothing on either side: a copy may
// have taken its padding over or not.
func foldTexts(old, new uint32) [2]fold {
	if old == pgtype.BPCharOID || new == pgtype.BPCharOID {
		return [2]fold{foldText(pgtype.BPCharOID), foldText(pgtype.BPCharOID)}
	}
	return [2]fold{asWritten, asWritten}
}

// foldText leaves the padding of char(n) away, which is not significant to the database either.
func foldText(oid uint32) fold {
	if oid == pgtype.BPCharOID {
		return func(v value) (string, bool) { return strings.TrimRight(v.text, " "), true }
	}
	return asWritten
}

// maxExponent bounds the zeros that a number may be written with; a double has at most 324 places.
const maxExponent = 999

// foldNumber writes a number in plain digits: without exponent, zeros that say nothing, and the sign of 0.
func foldNumber(v value) (string, bool) {
	switch v.text {
	case "NaN", "Infinity", "-Infinity":
		return v.text, true
	}
	mantissa, exponent := v.text, 0
	if e := strings.IndexAny(v.text, "eE"); e >= 0 {
		var err error
		if exponent, err = strconv.Atoi(v.text[e+1:]); err != nil || exponent < -maxExponent || exponent > maxExponent {
			return "", false
		}
		mantissa = v.text[:e]
	}
	digits, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	for _, part := range []string{whole, fraction} {
		if strings.Trim(part, "0123456789") != "" {
			return "", false
		}
	}
	if whole == "" && fraction == "" {
		return "", false
	}
	switch {
	case exponent > 0:
		fraction += strings.Repeat("0", max(exponent-len(fraction), 0))
		whole, fraction = whole+fraction[:exponent], fraction[exponent:]
	case exponent < 0:
		whole = strings.Repeat("0", -exponent) + whole
		fraction = whole[len(whole)+exponent:] + fraction
		whole = whole[:len(whole)+exponent]
	}
	return plainDigits(negative, whole, fraction), true
}

// plainDigits puts a number together.
func plainDigits(negative bool, whole, fraction string) string {
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if negative && whole != "0" {
		return "-" + whole
	}
	return whole
}

// foldMoney reads what a session with lc_monetary C writes, such as -$1,234.50.
func foldMoney(v value) (string, bool) {
	return foldNumber(value{text: strings.NewReplacer("$", "", ",", "").Replace(v.text)})
}

// numberText is a text that stands for a number: one as JSON writes it, or one of PostgreSQL's special ones.
var numberText = regexp.MustCompile(`^(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?|NaN|-?Infinity)$`)

func readNumber(v value) (string, bool) {
	if !numberText.MatchString(v.text) {
		return "", false
	}
	return foldNumber(v)
}

func foldTruth(v value) (string, bool) {
	switch v.text {
	case "t":
		return "true", true
	case "f":
		return "false", true
	}
	return "", false
}

// readTruth takes the words that PostgreSQL takes.
func readTruth(v value) (string, bool) {
	switch strings.ToLower(v.text) {
	case "t", "true", "y", "yes", "on", "1":
		return "true", true
	case "f", "false", "n", "no", "off", "0":
		return "false", true
	}
	return "", false
}

// foldNumberTruth is for booleans of databases that have none: 1 and 0.
func foldNumberTruth(v value) (string, bool) {
	switch form, _ := foldNumber(v); form {
	case "1":
		return "true", true
	case "0":
		return "false", true
	}
	return "", false
}

var uuidText = regexp.MustCompile(`^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$`)

// readUUID takes any case, with or without hyphens and braces.
func readUUID(v value) (string, bool) {
	s := strings.ToLower(v.text)
	if inner, ok := strings.CutPrefix(s, "{"); ok && strings.HasSuffix(inner, "}") {
		s = strings.TrimSuffix(inner, "}")
	}
	parts := uuidText.FindStringSubmatch(s)
	if parts == nil {
		return "", false
	}
	return strings.Join(parts[1:], "-"), true
}

// foldMoment takes what a session in UTC writes, and makes a date the midnight at which it begins.
func foldMoment(v value) (string, bool) {
	s, bc := strings.CutSuffix(v.text, " BC")
	s = strings.TrimSuffix(s, "+00")
	if !strings.Contains(s, " ") && !strings.HasSuffix(s, "infinity") {
		s += " 00:00:00"
	}
	if bc {
		s += " BC"
	}
	return s, true
}

// momentText is a time in ISO 8601 as programs write it, with a T or a blank, with or without a zone.
var momentText = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d(?::?\d\d)?)?)?$`)

// farText is a moment that ISO 8601 does not have, as a database writes it: infinity, a year before Christ or after 9999.
var farText = regexp.MustCompile(`^(?:-?infinity|\d{4,6}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d{1,6})?(?:\+00)?)? BC|\d{5,6}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d{1,6})?(?:\+00)?)?)$`)

// readMoment reads a text as a time; without a zone it is taken as UTC.
func readMoment(v value) (string, bool) {
	m := momentText.FindStringSubmatch(v.text)
	if m == nil {
		form, _ := foldMoment(v)
		return form, farText.MatchString(v.text)
	}
	var n [6]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1]) // digits, or nothing, which is 0
	}
	at := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	if at.Format("2006-01-02 15:04:05") != fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d", n[0], n[1], n[2], n[3], n[4], n[5]) {
		return "", false // the 30th of February
	}
	form := at.Add(-zone(m[8])).Format("2006-01-02 15:04:05")
	if fraction := strings.TrimRight(m[7], "0"); fraction != "" {
		form += "." + fraction
	}
	return form, true
}

// zone is the distance from UTC that a text such as -0330 tells.
func zone(s string) time.Duration {
	digits := strings.ReplaceAll(strings.TrimLeft(s, "Z+-"), ":", "")
	if digits == "" {
		return 0
	}
	hour, _ := strconv.Atoi(digits[:2])
	minute, _ := strconv.Atoi(digits[2:]) // two digits or nothing
	d := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	if s[0] == '-' {
		return -d
	}
	return d
}

// foldHour takes a time of day without a zone as one in UTC.
func foldHour(v value) (string, bool) { return strings.TrimSuffix(v.text, "+00"), true }

// foldAddress writes a single address without the length of its prefix, which cidr has and inet has not.
func foldAddress(v value) (string, bool) {
	if p, err := netip.ParsePrefix(v.text); err == nil {
		if p.IsSingleIP() {
			return p.Addr().String(), true
		}
		return p.String(), true
	}
	if a, err := netip.ParseAddr(v.text); err == nil && a.Zone() == "" {
		return a.String(), true
	}
	return "", false
}

// readDocument leaves it to the comparison to find out whether a text is JSON; nothing at all is none.
func readDocument(v value) (string, bool) { return v.text, strings.TrimSpace(v.text) != "" }
