package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"go.uber.org/zap"
)

// journals reports whether writes are recorded by this plan, if it lets any through.
func (p Plan) journals() bool {
	return p.Journal != NotJournaled && !p.Refuse && (p.Writes != None || p.Hold)
}

// gatherFirst reads the body of a write ahead that is going to be recorded, by the plan of this moment. What the journal does not take
// is seen after the admission, by the plan that holds then.
func (p *Proxy) gatherFirst(w http.ResponseWriter, in *inbound, kind Kind, body *requestBody) error {
	if p.options.Journal == nil || kind != Write || body == nil {
		return nil
	}
	plan := p.router.Plan()
	if !plan.journals() {
		return nil
	}
	if err := p.gather(w, in, body, plan.Journal); !errors.Is(err, errJournal) {
		return err
	}
	return nil
}

// record has a write recorded that was admitted. The entry is nil where its plan does not record, or may do without. An error says that
// nothing must be forwarded.
func (p *Proxy) record(w http.ResponseWriter, r *http.Request, in *inbound, rt *route, body *requestBody, adm *admission) (JournalEntry, error) {
	mode := adm.plan.Journal
	if p.options.Journal == nil || mode == NotJournaled {
		return nil, nil //nolint:nilnil // nothing is recorded, and nothing wrong with that
	}
	entry, err := p.begin(w, r, in, rt, body, adm)
	switch {
	case err == nil && adm.ctx.Err() != nil:
		entry.Lost(true, adm.cause())
		return nil, errRefused
	case adm.ctx.Err() != nil:
		return nil, errRefused
	case err == nil || !errors.Is(err, errJournal):
		return entry, err
	case mode == JournalFirst:
		return nil, err
	}
	p.options.Journal.Missed(adm.backend)
	return nil, nil //nolint:nilnil // counted
}

func (p *Proxy) begin(w http.ResponseWriter, r *http.Request, in *inbound, rt *route, body *requestBody, adm *admission) (JournalEntry, error) {
	if err := p.gather(w, in, body, adm.plan.Journal); err != nil { // the flip came between the look at the plan and the admission, or the spool failed
		return nil, err
	}
	write := JournalWrite{
		At: adm.backend, Epoch: adm.plan.Epoch, Time: in.arrived, Route: rt.Name, Method: in.method, Target: in.target,
		Host: in.host, Scheme: in.proto[0], Client: in.remote, Header: in.recorded(), Trailer: sentTrailers(r.Trailer), Idempotent: rt.Idempotent,
	}
	if body != nil {
		write.Body, _ = body.whole()
		write.Spool = body.spool
	}
	entry, err := p.options.Journal.Begin(adm.ctx, &write)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errJournal, err)
	}
	if body != nil {
		body.taken = true
	}
	return entry, nil
}

// sentTrailers are the trailers that came, of those that were announced or not.
func sentTrailers(trailer http.Header) http.Header {
	var sent http.Header
	for name, values := range trailer {
		if len(values) > 0 {
			if sent == nil {
				sent = http.Header{}
			}
			sent[name] = values
		}
	}
	return sent
}

// recorded are the fields of a write as the journal keeps them: what both backends would get of them, whatever is set for either.
func (in *inbound) recorded() http.Header {
	h := make(http.Header, len(in.header))
	for name, values := range in.header {
		switch {
		case name == shadowHeader, name == fallbackHeader, name == "Expect", name == "Content-Length":
		case hopByHop(name), slices.Contains(in.named, name):
		case !in.trusted && claimsForwarding(name):
		default:
			h[name] = values
		}
	}
	if te := in.header["Te"]; headerHasToken(te, "trailers") {
		h["Te"] = trailers[:]
	}
	return h
}

// tell says in the log what the journal did not take of an outcome. Its reason is the journal's, and holds nothing of the client's.
func (p *Proxy) tell(err error) {
	p.log.Error("the outcome of a write could not be recorded", zap.Error(err))
}
