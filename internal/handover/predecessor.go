package handover

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"
)

// What the two say to each other, a line each.
const (
	orderGo     = "go"
	orderCancel = "cancel"

	reportOffer   = "offer"
	reportServing = "serving"
	reportFailed  = "failed"
)

// Offer is what a successor says about itself before it takes over.
type Offer struct {
	// Run, Store, Proxy and Admin are the run's name, the store and the addresses, of its configuration.
	Run, Store, Proxy, Admin string
	// Journal is the directory of its journal.
	Journal string
	// Checksum is that of the configuration's rules.
	Checksum string
}

type report struct {
	Kind   string
	Offer  *Offer `json:",omitempty"`
	Reason string `json:",omitempty"`
}

// ErrCanceled says that the predecessor goes on serving.
var ErrCanceled = errors.New("the process before goes on serving, and has called this one off")

// Predecessor is the process that hands over to this one.
type Predecessor struct {
	orders, reports *os.File
	turn            chan error // what was ordered
	once            sync.Once
}

func newPredecessor(orders, reports *os.File) *Predecessor {
	return &Predecessor{orders: orders, reports: reports, turn: make(chan error, 1)}
}

// Offer says that this process could serve, and waits for its turn: until the predecessor has released the store, or is dead.
// ErrCanceled: its turn will not come.
func (p *Predecessor) Offer(ctx context.Context, o Offer) error {
	p.report(report{Kind: reportOffer, Offer: &o})
	p.once.Do(func() {
		go func() {
			line, _ := bufio.NewReader(p.orders).ReadString('\n') // an end is an order too
			if line == orderCancel+"\n" {
				p.turn <- ErrCanceled
				return
			}
			p.turn <- nil
		}()
	})
	select {
	case err := <-p.turn:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Serving says that this process has taken over.
func (p *Predecessor) Serving() {
	p.report(report{Kind: reportServing})
	p.close()
}

// Failed says that it cannot, and why.
func (p *Predecessor) Failed(err error) {
	p.report(report{Kind: reportFailed, Reason: err.Error()})
	p.close()
}

// report writes a line. A predecessor that is gone needs none.
func (p *Predecessor) report(r report) {
	line, _ := json.Marshal(r) //nolint:errchkjson // strings alone
	_, _ = p.reports.Write(append(line, '\n'))
}

func (p *Predecessor) close() {
	_ = p.reports.Close()
	_ = p.orders.Close()
}

// readReports passes on what a successor says, until it says no more.
func readReports(from io.Reader, to chan<- report) {
	defer close(to)
	for d := json.NewDecoder(from); ; {
		var r report
		if d.Decode(&r) != nil {
			return
		}
		to <- r
	}
}
