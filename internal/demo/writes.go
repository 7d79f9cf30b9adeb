package demo

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// orderRequest is the body of POST /api/orders.
type orderRequest struct {
	Customer  int64      `json:"customer"`
	Reference string     `json:"reference"`
	Items     []itemWish `json:"items"`
}

type itemWish struct {
	Product  int64 `json:"product"`
	Quantity int64 `json:"quantity"`
}

// stockRequest is the body of PATCH /api/products/{id}.
type stockRequest struct {
	Stock     int64  `json:"stock"`
	Reference string `json:"reference"`
}

func (s *Shop) createOrder(r *http.Request) (int, object, error) {
	arrived := time.Now()
	var wish orderRequest
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxQueryBody)).Decode(&wish); err != nil {
		return 0, nil, badRequest("the body is no order: " + err.Error())
	}
	if len(wish.Items) == 0 || wish.Reference == "" {
		return 0, nil, badRequest("an order has a reference and items")
	}
	// A shop does not undo a sale because the customer hung up.
	ctx := context.WithoutCancel(r.Context())
	o := order{customer: wish.Customer, status: "placed", placed: now()}
	err := s.db.within(ctx, func(tx *sql.Tx) error { return s.insert(ctx, tx, &o, &wish) })
	if err != nil {
		return 0, nil, err
	}
	s.took(wish.Reference, arrived)
	document := s.dialect.order(&o)
	return http.StatusCreated, document, nil
}

func (s *Shop) insert(ctx context.Context, tx *sql.Tx, o *order, wish *orderRequest) error {
	for i, item := range wish.Items {
		goods, err := collect(ctx, tx, scanProduct, s.tables.product, item.Product)
		if err != nil {
			return err
		}
		if len(goods) == 0 || item.Quantity < 1 {
			return badRequest("an item names no product, or no quantity of it")
		}
		l := line{number: int64(i + 1), product: item.Product, quantity: item.Quantity, price: goods[0].price}
		o.total += cents(l.quantity) * l.price
		o.lines = append(o.lines, l)
	}
	err := tx.QueryRowContext(ctx, s.tables.insertOrder, o.customer, o.status, o.placed, o.total.String(), wish.Reference).Scan(&o.id)
	if err != nil {
		return fmt.Errorf("insert the order: %w", err)
	}
	for _, row := range o.lineRows() {
		if _, err := tx.ExecContext(ctx, s.tables.insertLine, row...); err != nil {
			return fmt.Errorf("insert a line of order %d: %w", o.id, err)
		}
	}
	return s.enqueue(ctx, tx, orderEntity, o.id)
}

func (s *Shop) changeStock(r *http.Request) (int, object, error) {
	arrived := time.Now()
	id, err := pathID(r)
	if err != nil {
		return 0, nil, err
	}
	var wish stockRequest
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxQueryBody)).Decode(&wish); err != nil || wish.Reference == "" {
		return 0, nil, badRequest("the body is no change of stock")
	}
	ctx := context.WithoutCancel(r.Context())
	err = s.db.within(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, s.tables.setStock, id, wish.Stock, now())
		if err != nil {
			return fmt.Errorf("set the stock of %d: %w", id, err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return notFound("product")
		}
		if _, err := tx.ExecContext(ctx, s.tables.noteStock, id, wish.Reference); err != nil {
			return fmt.Errorf("note the change of stock of %d: %w", id, err)
		}
		return s.enqueue(ctx, tx, productEntity, id)
	})
	if err != nil {
		return 0, nil, err
	}
	s.took(wish.Reference, arrived)
	return http.StatusOK, s.dialect.object("id", id, "stock", wish.Stock), nil
}

// What the sync job carries.
const (
	orderEntity   = "order"
	productEntity = "product"
)

// enqueue leaves word for the sync job, in the transaction of the write itself.
func (s *Shop) enqueue(ctx context.Context, tx *sql.Tx, entity string, id int64) error {
	if s.tables.enqueue == "" {
		return nil
	}
	if _, err := tx.ExecContext(ctx, s.tables.enqueue, entity, id); err != nil {
		return fmt.Errorf("enqueue %s %d for the sync: %w", entity, id, err)
	}
	return nil
}
