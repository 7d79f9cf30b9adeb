package main

import (
	"context"
	"encoding/json"
	"fmt"

	"go.uber.org/zap"

	"paritygate/internal/evidence"
	"paritygate/proxy"
)

// settleNoise has the evidence decide which places are noise, and masks by it where mirror.noise.auto says so. What becomes masked is
// in the audit log before it is; what is masked no longer is let go of even if the log does not take it.
func (p *Program) settleNoise(ctx context.Context) {
	turns := p.store.SettleNoise(p.current.Load().config.Mirror.Noise.Auto)
	if len(turns) == 0 {
		return
	}
	for i := range turns {
		line := p.noiseLine(&turns[i])
		if _, err := p.store.Append(ctx, line); err != nil {
			p.log.Error("the audit log did not take an event", zap.String("kind", line.Kind), zap.String("reason", line.Reason), zap.Error(err))
			if turns[i].Masked {
				continue // the next round tries again
			}
		}
		p.log.Warn("noise", zap.String("event", line.Kind), zap.String("reason", line.Reason))
		p.store.MaskNoise(turns[i])
	}
	p.proxy.SetMask(noiseMask(p.store.Noise("")))
}

// noiseLine is the line of the audit log for a place that becomes masked, or is no longer.
func (p *Program) noiseLine(n *evidence.NoisePlace) evidence.Event {
	what := fmt.Sprintf("values at %s %s of route %s", n.Location, n.Path, n.Route)
	counts := fmt.Sprintf("of %d exchanges in which it was asked twice the authority differed from itself there in %d, and the shadow from it in %d",
		n.Asked, n.Both+n.OnlyOld, n.Both+n.OnlyNew)
	var line evidence.Event
	switch {
	case n.Masked:
		line = p.auditLine("mask", "mirror.noise.auto masks "+what+": "+counts)
	case n.Finding == evidence.NoiseRefuted:
		line = p.auditLine("unmask", what+" are compared again, because new differs there oftener than old from itself: "+counts)
	default:
		line = p.auditLine("unmask", what+" are compared again: mirror.noise.auto is off")
	}
	line.Evidence, _ = json.Marshal(map[string]any{ // strings and numbers alone
		"route": n.Route, "location": n.Location, "path": n.Path, "kind": n.Kind,
		"asked": n.Asked, "only_new": n.OnlyNew, "only_old": n.OnlyOld, "both": n.Both, "real": n.Real,
	})
	return line
}

// noiseMask is what the proxy masks of the places.
func noiseMask(places []evidence.NoisePlace) proxy.Mask {
	mask := proxy.Mask{}
	for _, n := range places {
		if n.Masked {
			mask[proxy.Place{Route: n.Route, Location: n.Location, Path: n.Path}] = struct{}{}
		}
	}
	return mask
}
