package aggregate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// exactTime is the most digits after the second that PostgreSQL keeps.
const exactTime = 6

// digits is how many digits after the second the values of a column have at most.
func (c column) digits() int {
	switch c.oid {
	case pgtype.TimestampOID, pgtype.TimestamptzOID, pgtype.TimeOID, pgtype.TimetzOID:
		if c.modifier > 0 {
			return min(int(c.modifier)-1, exactTime)
		}
	}
	return exactTime
}

// roundTogether folds two columns of one family. Where one keeps fewer digits of a second, the other's are rounded to them, as
// PostgreSQL did when it stored the value.
func roundTogether(old, new column) [2]fold {
	folds := [2]fold{foldOf(old.oid), foldOf(new.oid)}
	digits := min(old.digits(), new.digits())
	if old.digits() == new.digits() || old.oid == pgtype.DateOID || new.oid == pgtype.DateOID {
		return folds
	}
	for i, exactly := range folds {
		folds[i] = func(v value) (string, bool) {
			form, ok := exactly(v)
			return roundSecond(form, digits), ok
		}
	}
	return folds
}

const (
	clockLayout = "15:04:05"
	dayLayout   = "2006-01-02 15:04:05"
	halfwayYear = 2000 // PostgreSQL counts from here, and rounds half a unit away from it
)

// roundSecond rounds a folded moment or time of day. One that time cannot parse, before Christ or after the year 9999, stays
// as it is where rounding would change more than its last digits.
func roundSecond(s string, digits int) string {
	whole, fraction, found := strings.Cut(s, ".")
	if !found || len(fraction) <= digits || strings.Contains(fraction, " ") {
		return s
	}
	kept, rest := fraction[:digits], fraction[digits:]
	up := rest >= "5"
	if year, err := strconv.Atoi(strings.SplitN(whole, "-", 2)[0]); err == nil && year < halfwayYear {
		up = rest > "5"
	}
	if !up {
		return withFraction(whole, kept)
	}
	if n, _ := strconv.Atoi("0" + kept); strings.Trim(kept, "9") != "" {
		return withFraction(whole, fmt.Sprintf("%0*d", digits, n+1))
	}
	if whole == "23:59:59" {
		return "24:00:00"
	}
	for _, layout := range []string{clockLayout, dayLayout} {
		if at, err := time.Parse(layout, whole); err == nil {
			return at.Add(time.Second).Format(layout)
		}
	}
	return s
}

func withFraction(whole, fraction string) string {
	if fraction = strings.TrimRight(fraction, "0"); fraction == "" {
		return whole
	}
	return whole + "." + fraction
}
