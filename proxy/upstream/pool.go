package upstream

import (
	"context"
	"sync"
	"time"
)

// lookAfter is how long a connection may have rested to be used again without a look at whether it is still good.
const lookAfter = time.Millisecond

// pool keeps the idle connections, the newest on top, and counts those that are open.
type pool struct {
	client *Client
	mu     sync.Mutex
	idle   []*conn // the oldest first
	open   int     // idle, in use, or being dialled
	queue  []chan *conn
	timer  *time.Timer // closes what has been idle for too long
	armed  bool
}

// take returns an idle connection, or nil if the caller is to dial one: its place is taken. At the limit it waits.
func (p *pool) take(ctx context.Context, limit time.Duration) (*conn, error) {
	for {
		cn, wait := p.pop()
		if cn == nil && wait != nil {
			var err error
			if cn, err = p.await(ctx, limit, wait); err != nil {
				return nil, err
			}
		}
		if cn == nil {
			return nil, nil
		}
		rested := p.client.now() - cn.idleSince
		if limit := p.client.options.IdleTimeout; limit > 0 && rested >= limit {
			p.discard(cn)
			continue
		}
		if (rested >= lookAfter || cn.suspect || cn.tls != nil) && cn.stale() {
			p.discard(cn)
			continue
		}
		cn.suspect = false
		return cn, nil
	}
}

// place waits for a place for a new connection.
func (p *pool) place(ctx context.Context, limit time.Duration) error {
	p.mu.Lock()
	if p.client.options.MaxConns <= 0 || p.open < p.client.options.MaxConns {
		p.open++
		p.mu.Unlock()
		return nil
	}
	wait := make(chan *conn, 1)
	p.queue = append(p.queue, wait)
	p.mu.Unlock()
	cn, err := p.await(ctx, limit, wait)
	if cn != nil {
		cn.retire() // its place is what was asked for
	}
	return err
}

// pop takes the newest idle connection, a place for a new one (nil, nil), or a place in the queue.
func (p *pool) pop() (*conn, chan *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.idle) - 1; last >= 0 {
		cn := p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
		return cn, nil
	}
	if p.client.options.MaxConns <= 0 || p.open < p.client.options.MaxConns {
		p.open++
		return nil, nil
	}
	wait := make(chan *conn, 1)
	p.queue = append(p.queue, wait)
	return nil, wait
}

// await waits for a connection, or for a place for one.
func (p *pool) await(ctx context.Context, limit time.Duration, wait chan *conn) (*conn, error) {
	var expired <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit - p.client.now())
		defer timer.Stop()
		expired = timer.C
	}
	var err error
	select {
	case cn := <-wait:
		return cn, nil
	case <-ctx.Done():
	case <-expired:
		err = ErrTimeout
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	p.mu.Lock()
	for i, w := range p.queue {
		if w == wait {
			p.queue = append(p.queue[:i], p.queue[i+1:]...)
			p.mu.Unlock()
			return nil, err
		}
	}
	p.mu.Unlock()
	// It was handed over in this very moment: to the next one.
	if cn := <-wait; cn != nil {
		p.put(cn)
	} else {
		p.closed()
	}
	return nil, err
}

// next is whoever has waited longest, or nil. p.mu is held.
func (p *pool) next() chan *conn {
	if len(p.queue) == 0 {
		return nil
	}
	wait := p.queue[0]
	p.queue = append(p.queue[:0], p.queue[1:]...)
	return wait
}

// put makes a connection idle, or hands it to who waits for one.
func (p *pool) put(cn *conn) {
	now := p.client.now()
	cn.idleSince = now
	p.mu.Lock()
	if wait := p.next(); wait != nil {
		p.mu.Unlock()
		wait <- cn
		return
	}
	if len(p.idle) >= p.client.options.MaxIdle {
		p.mu.Unlock()
		p.discard(cn)
		return
	}
	p.idle = append(p.idle, cn)
	if limit := p.client.options.IdleTimeout; limit > 0 && !p.armed {
		p.arm(limit)
	}
	p.mu.Unlock()
}

// arm has expire called after d. p.mu is held.
func (p *pool) arm(d time.Duration) {
	p.armed = true
	if p.timer == nil {
		p.timer = time.AfterFunc(d, p.expire)
		return
	}
	p.timer.Reset(d)
}

// expire closes what has been idle for too long.
func (p *pool) expire() {
	limit := p.client.options.IdleTimeout
	p.mu.Lock()
	now := p.client.now()
	old := 0
	for old < len(p.idle) && now-p.idle[old].idleSince >= limit {
		old++
	}
	expired := p.cut(old)
	p.armed = false
	if len(p.idle) > 0 {
		p.arm(limit - (now - p.idle[0].idleSince))
	}
	p.mu.Unlock()
	for _, cn := range expired {
		p.discard(cn)
	}
}

// cut takes the n oldest connections out. p.mu is held.
func (p *pool) cut(n int) []*conn {
	if n == 0 {
		return nil
	}
	out := append([]*conn(nil), p.idle[:n]...)
	rest := copy(p.idle, p.idle[n:])
	clear(p.idle[rest:])
	p.idle = p.idle[:rest]
	return out
}

// closeIdle closes all idle connections and stops the timer.
func (p *pool) closeIdle() {
	p.mu.Lock()
	all := p.cut(len(p.idle))
	if p.timer != nil {
		p.timer.Stop()
		p.armed = false
	}
	p.mu.Unlock()
	for _, cn := range all {
		p.discard(cn)
	}
}

// discard closes a connection that is in nobody's use.
func (p *pool) discard(cn *conn) {
	cn.retire()
	p.closed()
}

// closed gives the place of a connection free.
func (p *pool) closed() {
	p.mu.Lock()
	wait := p.next()
	if wait == nil {
		p.open--
	}
	p.mu.Unlock()
	if wait != nil {
		wait <- nil
	}
}

func (p *pool) conns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}
