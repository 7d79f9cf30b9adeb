package demo

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// wish is a request that a client is about to send.
type wish struct {
	method, target string
	body           any
	// alsoFine is a status besides 200 that is no failure; 0 if there is none.
	alsoFine int
}

// settled is how old an order must be before its client looks at it again: people take a moment, and so does the sync job.
const settled = time.Second

// nextRead picks what a client looks at. The weights are per mille.
func (c *shopper) nextRead() wish {
	switch n := c.r.IntN(1000); {
	case n < 320:
		return get("/api/products/%d", c.product())
	case n < 335: // a link that is out of date
		w := get("/api/products/%d", c.sizes.Products+1+c.r.IntN(2000))
		w.alsoFine = http.StatusNotFound
		return w
	case n < 485:
		return get("/api/products?category=%s&page=%d", c.category(), 1+c.r.IntN(8))
	case n < 625:
		return get("/api/search?q=%s", c.term())
	case n < 745:
		return get("/api/customers/%d/orders", 1+c.r.IntN(c.sizes.Customers))
	case n < 845:
		return c.orderToSee()
	case n < 915:
		return get("/api/stats?category=%s&below=%d", c.category(), 10+c.r.IntN(50))
	default:
		ids := make([]int64, 3+c.r.IntN(5))
		for i := range ids {
			ids[i] = c.product()
		}
		return wish{method: http.MethodPost, target: "/api/query", body: map[string]any{
			"path": "products:byIds", "args": map[string]any{"ids": ids},
		}}
	}
}

func get(format string, args ...any) wish {
	return wish{method: http.MethodGet, target: fmt.Sprintf(format, args...)}
}

// nextWrite picks what a client changes: four orders to one change of stock.
func (c *shopper) nextWrite(reference string) wish {
	if c.r.IntN(5) == 0 {
		return wish{
			method: http.MethodPatch, target: fmt.Sprintf("/api/products/%d", 1+c.r.IntN(c.sizes.Products)),
			body: stockRequest{Stock: int64(c.r.IntN(400)), Reference: reference},
		}
	}
	o := orderRequest{Customer: 1 + c.r.Int64N(int64(c.sizes.Customers)), Reference: reference}
	for range 1 + c.r.IntN(3) {
		o.Items = append(o.Items, itemWish{Product: 1 + c.r.Int64N(int64(c.sizes.Products)), Quantity: 1 + c.r.Int64N(3)})
	}
	return wish{method: http.MethodPost, target: "/api/orders", body: o}
}

// product is a popular one more often than not; the popular ones are spread over the catalogue.
func (c *shopper) product() int64 {
	return 1 + int64(c.popular.Uint64()*7919%uint64(c.sizes.Products))
}

func (c *shopper) category() string { return categories[c.r.IntN(len(categories))] }

func (c *shopper) term() string {
	noun := nouns[c.category()][0]
	return url.QueryEscape(strings.ToLower(materials[c.r.IntN(len(materials))] + " " + noun))
}

// orderToSee is now and then one that a client has placed since the start, more often one of former times.
func (c *shopper) orderToSee() wish {
	if c.r.IntN(5) == 0 {
		if location, ok := c.made.pick(c.r.IntN); ok {
			return get("%s", location)
		}
	}
	return get("/api/orders/%d", 1+c.r.IntN(c.sizes.Orders))
}

// recent are the latest orders that clients have placed, by their addresses.
type recent struct {
	mu    sync.Mutex
	items [256]placed
	n     int
}

type placed struct {
	location string
	at       time.Time
}

func (r *recent) add(location string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items[r.n%len(r.items)] = placed{location, time.Now()}
	r.n++
}

// pick returns one that has settled, with a random choice below a bound.
func (r *recent) pick(choose func(int) int) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(r.n, len(r.items))
	if n == 0 {
		return "", false
	}
	p := r.items[choose(n)]
	return p.location, p.location != "" && time.Since(p.at) >= settled
}
