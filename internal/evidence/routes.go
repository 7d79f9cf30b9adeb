package evidence

import (
	"context"
	"maps"
	"slices"
	"strings"

	"paritygate/compare"
)

// Routes returns what was seen on each route since the window began: the declared ones in their order, with zeros where
// nothing was seen, then any others by name.
func (s *Store) Routes() []RouteStats {
	l := &s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeDue(l.options.Now())
	return l.list(l.current().accounts)
}

// Total returns the sum over all routes since the window began; its Route is "_all", and its latencies are those of all
// requests together.
func (s *Store) Total() RouteStats {
	l := &s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeDue(l.options.Now())
	sum := newAccount()
	distinct := int64(0)
	for _, a := range l.current().accounts {
		distinct += int64(len(a.requests))
		if err := sum.merge(a, 0); err != nil && l.fault == nil {
			l.fault = err
		}
	}
	stats := l.stats(RouteInfo{Name: AllRoutes}, sum)
	stats.Distinct = distinct
	return stats
}

// AllRoutes is the Route of Total.
const AllRoutes = "_all"

// RoutesAll is Routes for the whole run, with what the rules of all its windows hid.
func (s *Store) RoutesAll(ctx context.Context) ([]RouteStats, error) {
	s.flushing.Lock() // so that no window moves from memory to the disk between the two reads
	defer s.flushing.Unlock()
	sums, oldest, err := s.ledger.recent()
	if err != nil {
		return nil, err
	}
	err = s.eachAccount(ctx, s.origin.window+1, oldest-1, func(_ int64, route string, a *account) error {
		if sums[route] == nil {
			sums[route] = newAccount()
		}
		return sums[route].merge(a, s.options.DistinctLimit)
	})
	if err != nil {
		return nil, s.failed("read the earlier windows", err)
	}
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return s.ledger.list(sums), nil
}

// recent sums the accounts of the windows in memory, and returns the oldest one's number.
func (l *ledger) recent() (sums map[string]*account, oldest int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeDue(l.options.Now())
	sums = map[string]*account{}
	for _, w := range l.windows {
		for route, a := range w.accounts {
			if sums[route] == nil {
				sums[route] = newAccount()
			}
			if err := sums[route].merge(a, l.options.DistinctLimit); err != nil {
				return nil, 0, err
			}
		}
	}
	return sums, l.windows[0].id, nil
}

// merge adds what another account has counted, and as many of its requests as there is room for.
func (a *account) merge(o *account, distinctLimit int) error {
	for v, n := range o.verdicts {
		a.verdicts[v] += n
	}
	for r, n := range o.skipped {
		a.skipped[r] += n
	}
	for rule, s := range o.suppressed {
		a.suppressed[rule] = a.suppressed[rule].plus(s)
	}
	a.newAsked += o.newAsked
	a.newErrors += o.newErrors
	a.samples += o.samples
	a.units.add(o.units)
	for f := range o.requests {
		if len(a.requests) >= distinctLimit {
			break
		}
		a.requests[f] = struct{}{}
	}
	if err := a.old.merge(o.old); err != nil {
		return err
	}
	return a.new.merge(o.new)
}

func (l *ledger) list(accounts map[string]*account) []RouteStats {
	list := make([]RouteStats, 0, len(l.declared))
	seen := map[string]bool{}
	for _, r := range l.declared {
		if !seen[r.Name] {
			list = append(list, l.stats(r, accounts[r.Name]))
		}
		seen[r.Name] = true
	}
	others := len(list)
	for route, a := range accounts {
		if !seen[route] {
			list = append(list, l.stats(RouteInfo{Name: route}, a))
		}
	}
	slices.SortFunc(list[others:], func(a, b RouteStats) int { return strings.Compare(a.Route, b.Route) })
	return list
}

func (l *ledger) stats(r RouteInfo, a *account) RouteStats {
	if a == nil {
		a = newAccount()
	}
	st := RouteStats{
		Route: r.Name, Kind: r.Kind, Wildcard: r.Wildcard,
		Verdicts: make(map[compare.Verdict]int64, len(compare.Verdicts)), Skipped: maps.Clone(a.skipped),
		NewAsked: a.newAsked, NewErrors: a.newErrors, Samples: a.samples,
		Units: a.units.all, BadUnits: a.units.bad, LaggedUnits: a.units.lagged,
		Distinct: int64(len(a.requests)),
		Old:      a.old.quantiles(), New: a.new.quantiles(),
		OldAt: a.old.at(l.options.Quantile), NewAt: a.new.at(l.options.Quantile),
		Suppressed: maps.Clone(a.suppressed),
	}
	for _, v := range storedVerdicts {
		st.Verdicts[v] = a.verdicts[v]
	}
	st.Verdicts[compare.Skipped] = 0
	for _, n := range a.skipped {
		st.Verdicts[compare.Skipped] += n
	}
	return st
}
