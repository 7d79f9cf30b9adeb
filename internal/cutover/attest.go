package cutover

import (
	"fmt"
	"slices"
	"strings"
)

// ClientsReady is the attestation that the clients can read answers of new's shape.
const ClientsReady = "clients-ready"

// Required lists the attestations that the gate asks for.
func (o GateOptions) Required() []string {
	if len(o.Reshaping) == 0 || slices.Contains(o.Attestations, ClientsReady) {
		return o.Attestations
	}
	return append(slices.Clone(o.Attestations), ClientsReady)
}

func (g gate) attestations() Criterion {
	var w finding
	given := 0
	required := g.o.Required()
	for _, name := range required {
		switch {
		case g.f.Attested[name]:
			given++
		case name == ClientsReady && len(g.o.Reshaping) > 0:
			w.add(Inconclusive, "nobody has attested %s since the configuration was last edited, and clients will see another shape than today's, which these rules forgive: %s; paritygate attest %s --evidence TEXT",
				name, listed(g.o.Reshaping, ", "), name)
		default:
			w.add(Inconclusive, "nobody has attested %s yet: paritygate attest %s --evidence TEXT", name, name)
		}
	}
	return w.criterion("attestations", fmt.Sprintf("%d of %d", given, len(required)), strings.Join(required, ", "),
		"everything that people must vouch for is attested")
}
