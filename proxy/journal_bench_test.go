package proxy

import (
	"context"
	"fmt"
	"io"
	"testing"
)

// instant is a journal that takes everything at once.
type instant struct{}

func (instant) Begin(context.Context, *JournalWrite) (JournalEntry, error) { return instant{}, nil }
func (instant) Spool() (JournalSpool, error)                               { return nil, io.ErrShortWrite }
func (instant) Missed(Backend)                                             {}
func (instant) Answered(*JournalAnswer) error                              { return nil }
func (instant) AnsweredSoon(*JournalAnswer)                                {}
func (instant) Ended(*JournalAnswer)                                       {}
func (instant) Lost(bool, error)                                           {}

// BenchmarkWrite is a write of 80 bytes through the proxy: what recording costs besides the disk.
func BenchmarkWrite(b *testing.B) {
	for name, mode := range map[string]JournalMode{"unrecorded": NotJournaled, "possible": JournalIfPossible, "first": JournalFirst} {
		b.Run(name, func(b *testing.B) {
			u := parseURL(b, benchBackend(b, 1<<10).URL)
			router := &plans{}
			router.set(Plan{Epoch: 1, Reads: Old, Writes: Old, Journal: mode})
			o := Options{Run: "bench", Router: router, Observer: nobody{}, Old: BackendOptions{URL: u}, New: BackendOptions{URL: u}, Table: Table{Comparer: comparer(b)}}
			o.Journal = instant{}
			p, err := NewProxy(o)
			if err != nil {
				b.Fatal(err)
			}
			driveWith(b, p, 1<<10, fmt.Sprintf("POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 80\r\n\r\n%080d", 7))
		})
	}
}
