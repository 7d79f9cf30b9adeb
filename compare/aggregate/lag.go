package aggregate

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// keptUp returns an error if the database is not known to be near enough to what it follows.
func (d *database) keptUp(ctx context.Context, s source) error {
	a, err := s.ask(ctx, d.lag.SQL, 1)
	if err != nil {
		return fmt.Errorf("the lag of %s is not known: %w", d.side, err)
	}
	v, err := a.single()
	if err != nil {
		return fmt.Errorf("the lag of %s is not known: %w", d.side, err)
	}
	seconds, err := lagSeconds(v, a.columns[0].oid)
	if err != nil {
		return fmt.Errorf("the lag of %s is not known: %w", d.side, err)
	}
	if most := new(big.Rat).SetFrac64(int64(d.lag.Max), int64(time.Second)); seconds.Cmp(most) > 0 {
		return fmt.Errorf("%s is %s s behind, more than the %s s allowed (databases.%s.lag.max)",
			d.side, grouped(seconds.FloatString(1)), exact(most), d.side)
	}
	return nil
}

// lagSeconds reads a number of seconds or an interval.
func lagSeconds(v value, oid uint32) (*big.Rat, error) {
	switch {
	case v.null:
		return nil, errors.New("its query gave NULL")
	case v.number:
		if seconds, ok := new(big.Rat).SetString(v.text); ok {
			return seconds, nil
		}
	case oid == pgtype.IntervalOID:
		if seconds, ok := intervalSeconds(v.text); ok {
			return seconds, nil
		}
	}
	return nil, fmt.Errorf("its query gave %s, which is neither seconds nor an interval", v.said())
}

const isoPart = `(?:(-?[0-9]+)%s)?`

// isoInterval is an interval as a database writes it in the style iso_8601.
var isoInterval = regexp.MustCompile("^P" + fmt.Sprintf(isoPart, "Y") + fmt.Sprintf(isoPart, "M") + fmt.Sprintf(isoPart, "D") +
	"(?:T" + fmt.Sprintf(isoPart, "H") + fmt.Sprintf(isoPart, "M") + `(?:(-?[0-9]+(?:\.[0-9]+)?)S)?)?$`)

// secondsOf are those of the parts of an interval; years and months as long as extract(epoch from …) takes them.
var secondsOf = [...]int64{31557600, 30 * 86400, 86400, 3600, 60, 1}

func intervalSeconds(text string) (*big.Rat, bool) {
	parts := isoInterval.FindStringSubmatch(text)
	if parts == nil || text == "P" {
		return nil, false
	}
	sum := new(big.Rat)
	for i, unit := range secondsOf {
		if parts[i+1] == "" {
			continue
		}
		n, ok := new(big.Rat).SetString(parts[i+1])
		if !ok {
			return nil, false
		}
		sum.Add(sum, n.Mul(n, new(big.Rat).SetInt64(unit)))
	}
	return sum, true
}
