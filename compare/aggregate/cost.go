package aggregate

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
)

// guarded is a database that is asked only what its planner takes for cheap enough.
type guarded struct {
	source
	side    string
	most    float64
	catalog bool // reads of the system catalogs are the check's own, and go through
}

func (g *guarded) ask(ctx context.Context, sql string, most int) (*answer, error) {
	e, err := estimate(ctx, g.source, sql)
	if err != nil {
		return nil, err
	}
	if e.cost > g.most && !(g.catalog && e.system) {
		return nil, fmt.Errorf("ask %s: the statement costs %s, more than the %s allowed (max_cost)", g.side, costText(e.cost), costText(g.most))
	}
	return g.source.ask(ctx, sql, most)
}

// costText writes a cost for people.
func costText(cost float64) string {
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(cost, 'f', -1, 64))
	if !ok {
		return strconv.FormatFloat(cost, 'g', -1, 64)
	}
	return exact(r)
}

// estimated is what the planner thinks of a statement.
type estimated struct {
	cost   float64
	system bool // it reads no table but system catalogs
}

// step is a node of a plan.
type step struct {
	Cost   float64 `json:"Total Cost"`
	Schema string  `json:"Schema"`
	Plans  []step  `json:"Plans"`
}

// estimate plans a statement without running it.
func estimate(ctx context.Context, s source, sql string) (estimated, error) {
	a, err := s.ask(ctx, "EXPLAIN (FORMAT JSON, VERBOSE) "+sql, 1)
	if err != nil {
		return estimated{}, err
	}
	v, err := a.single()
	if err != nil {
		return estimated{}, err
	}
	var plans []struct{ Plan step }
	if err := json.Unmarshal([]byte(v.text), &plans); err != nil || len(plans) != 1 {
		return estimated{}, fmt.Errorf("read the plan of a statement: %v", err) //nolint:errorlint // of a text that is nobody's to look into
	}
	return estimated{cost: plans[0].Plan.Cost, system: plans[0].Plan.system()}, nil
}

// system reports whether a plan reads no table but system catalogs.
func (s *step) system() bool {
	if s.Schema != "" && s.Schema != "pg_catalog" && s.Schema != "information_schema" {
		return false
	}
	for i := range s.Plans {
		if !s.Plans[i].system() {
			return false
		}
	}
	return true
}
