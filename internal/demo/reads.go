package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	pageSize     = 20
	searchLimit  = 15
	ordersShown  = 10
	maxQueryBody = 64 << 10
)

// problem is an error with the status that the client gets for it.
type problem struct {
	status  int
	message string
}

func (p *problem) Error() string { return p.message }

func notFound(what string) error { return &problem{http.StatusNotFound, "no such " + what} }
func badRequest(message string) error {
	return &problem{http.StatusBadRequest, message}
}

// endpoint answers a request with a status and a document.
type endpoint func(r *http.Request) (int, object, error)

func (s *Shop) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, e := range map[string]endpoint{
		"GET /healthz":                   s.health,
		"GET /api/products/{id}":         s.getProduct,
		"GET /api/products":              s.listProducts,
		"GET /api/search":                s.searchProducts,
		"GET /api/customers/{id}/orders": s.listOrders,
		"GET /api/orders/{id}":           s.getOrder,
		"GET /api/stats":                 s.stats,
		"POST /api/query":                s.query,
		"POST /api/orders":               s.createOrder,
		"PATCH /api/products/{id}":       s.changeStock,
	} {
		mux.Handle(pattern, s.serve(e))
	}
	return mux
}

func (s *Shop) serve(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, document, err := e(r)
		var p *problem
		switch {
		case errors.As(err, &p):
			status, document = p.status, s.dialect.object("error", p.message)
			if s.faults.swallowsNotFound() && status == http.StatusNotFound {
				status, document = http.StatusOK, s.dialect.object("product", nil)
			}
		case err != nil:
			status, document = http.StatusInternalServerError, s.dialect.object("error", err.Error())
		case status == http.StatusCreated:
			w.Header().Set("Location", fmt.Sprintf("/api/orders/%v", document.get("id")))
		}
		s.dialect.write(w, status, document)
	})
}

func (o object) get(name string) any {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

func (s *Shop) health(*http.Request) (int, object, error) {
	return http.StatusOK, s.dialect.object("status", "ok"), nil
}

func pathID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, badRequest("the id is no number")
	}
	return id, nil
}

func (s *Shop) getProduct(r *http.Request) (int, object, error) {
	id, err := pathID(r)
	if err != nil {
		return 0, nil, err
	}
	found, err := collect(r.Context(), s.db, scanProduct, s.tables.product, id)
	if err != nil {
		return 0, nil, err
	}
	if len(found) == 0 {
		return 0, nil, notFound("product")
	}
	return http.StatusOK, s.dialect.object("product", s.dialect.product(&found[0])), nil
}

func (s *Shop) listProducts(r *http.Request) (int, object, error) {
	q := r.URL.Query()
	page, err := strconv.Atoi(q.Get("page"))
	if err != nil || page < 1 {
		page = 1
	}
	query := s.tables.page
	if s.faults.reorders() {
		query = reorderedPage
	}
	goods, err := collect(r.Context(), s.db, scanProduct, query, q.Get("category"), pageSize, (page-1)*pageSize)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.dialect.object("category", q.Get("category"), "page", page, "items", s.dialect.products(goods)), nil
}

func (s *Shop) searchProducts(r *http.Request) (int, object, error) {
	if err := s.faults.slowness(r.Context()); err != nil {
		return 0, nil, err
	}
	q := r.URL.Query().Get("q")
	pattern := "%" + strings.NewReplacer("%", "", "_", "").Replace(strings.ToLower(q)) + "%"
	goods, err := collect(r.Context(), s.db, scanProduct, s.tables.search, pattern, searchLimit)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.dialect.object("query", q, "results", s.dialect.products(goods)), nil
}

func (s *Shop) listOrders(r *http.Request) (int, object, error) {
	id, err := pathID(r)
	if err != nil {
		return 0, nil, err
	}
	who, err := collect(r.Context(), s.db, scanCustomer, s.tables.customerByID, id)
	if err != nil {
		return 0, nil, err
	}
	if len(who) == 0 {
		return 0, nil, notFound("customer")
	}
	lines, err := collect(r.Context(), s.db, scanOrderLine, s.tables.orders, id, ordersShown)
	if err != nil {
		return 0, nil, err
	}
	all := gather(lines)
	documents := make([]object, len(all))
	for i := range all {
		documents[i] = s.dialect.order(&all[i])
	}
	d := s.dialect
	return http.StatusOK, d.object("customer", d.object("id", who[0].id, "name", who[0].name, "city", who[0].city),
		"orders", documents), nil
}

func (s *Shop) getOrder(r *http.Request) (int, object, error) {
	id, err := pathID(r)
	if err != nil {
		return 0, nil, err
	}
	lines, err := collect(r.Context(), s.db, scanOrderLine, s.tables.order, id)
	if err != nil {
		return 0, nil, err
	}
	if len(lines) == 0 {
		return 0, nil, notFound("order")
	}
	return http.StatusOK, s.dialect.object("order", s.dialect.order(&gather(lines)[0])), nil
}

func (s *Shop) stats(r *http.Request) (int, object, error) {
	q := r.URL.Query()
	below, err := strconv.ParseInt(q.Get("below"), 10, 64)
	if err != nil {
		return 0, nil, badRequest("below is no number")
	}
	var count, orders int64
	var sum, lowest, highest cents
	if err := s.db.QueryRowContext(r.Context(), s.tables.figures, q.Get("category"), below).
		Scan(&count, &sum, &lowest, &highest); err != nil {
		return 0, nil, fmt.Errorf("ask for the figures: %w", err)
	}
	if err := s.db.QueryRowContext(r.Context(), s.tables.orderCount).Scan(&orders); err != nil {
		return 0, nil, fmt.Errorf("count the orders: %w", err)
	}
	d := s.dialect
	return http.StatusOK, d.object("category", q.Get("category"), "products", count, "average", average(sum, count),
		"lowest", d.money(lowest), "highest", d.money(highest), "orders", orders), nil
}

// query is a read that comes as a POST, as RPC-style backends have it: {"path": "products:byIds", "args": {"ids": [1, 2]}}.
func (s *Shop) query(r *http.Request) (int, object, error) {
	var q struct {
		Path string `json:"path"`
		Args struct {
			IDs []int64 `json:"ids"`
		} `json:"args"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxQueryBody)).Decode(&q); err != nil {
		return 0, nil, badRequest("the body is no query: " + err.Error())
	}
	if q.Path != "products:byIds" || len(q.Args.IDs) == 0 {
		return 0, nil, badRequest("there is one query: products:byIds, with ids")
	}
	goods, err := collect(r.Context(), s.db, scanProduct, fmt.Sprintf(s.tables.byIDs, joinIDs(q.Args.IDs)))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.dialect.object("status", "success", "value", s.dialect.products(goods)), nil
}

// joinIDs writes numbers as SQL has them in a list.
func joinIDs(ids []int64) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(words, ", ")
}

// now is when a write is placed, as precise as both databases keep it and both dialects write it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
