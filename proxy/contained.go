package proxy

import (
	"runtime/debug"
	"time"

	"go.uber.org/zap"
)

// contained keeps a panic of an Observer or a Router from what has to go on: the client's answer, a worker, the gate's lock. A
// router that panics knows no backend. WriteToNew is not contained: a write of which nobody may know must not be sent.
type contained struct {
	Observer
	router Router
	log    *zap.Logger
}

// Plan implements Router.
func (c *contained) Plan() (plan Plan) {
	defer func() {
		if v := recover(); v != nil {
			c.tell("router", v)
			plan = Plan{Refuse: true}
		}
	}()
	return c.router.Plan()
}

// Begin implements Observer.
func (c *contained) Begin(arrived time.Time) {
	defer c.contain()
	c.Observer.Begin(arrived)
}

// Finish implements Observer.
func (c *contained) Finish(x *Exchange) {
	defer c.contain()
	c.Observer.Finish(x)
}

// Tripped implements Observer.
func (c *contained) Tripped(t Trip) {
	defer c.contain()
	c.Observer.Tripped(t)
}

func (c *contained) contain() {
	if v := recover(); v != nil {
		c.tell("observer", v)
	}
}

func (c *contained) tell(part string, v any) {
	c.log.Error("panic in the "+part, zap.Any("panic", v), zap.ByteString("stack", debug.Stack()))
}
