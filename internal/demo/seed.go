package demo

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"
)

// seed fills old's empty tables.
func seed(ctx context.Context, db *database, sizes Sizes, now time.Time) error {
	r := rand.New(rand.NewPCG(7, 11)) //nolint:gosec // the same goods at every start
	goods := makeProducts(r, sizes.Products, now)
	buyers := makeCustomers(r, sizes.Customers)
	orders := makeOrders(r, sizes.Orders, goods, sizes.Customers, now)

	var products, customers, sales, lines [][]any
	for _, p := range goods {
		products = append(products, p.row())
	}
	for _, c := range buyers {
		customers = append(customers, c.row())
	}
	for _, o := range orders {
		sales = append(sales, o.row())
		lines = append(lines, o.lineRows()...)
	}
	err := db.within(ctx, func(tx *sql.Tx) error {
		for _, table := range []struct {
			head string
			rows [][]any
		}{
			{"INSERT INTO products (id, sku, name, category, price, stock, updated_at)", products},
			{"INSERT INTO customers (id, name, city)", customers},
			{"INSERT INTO orders (id, customer_id, status, placed_at, total, reference)", sales},
			{"INSERT INTO order_lines (order_id, line, product_id, quantity, unit_price)", lines},
		} {
			if err := insertRows(ctx, tx, table.head, "", table.rows); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fill old's database: %w", err)
	}
	return db.nextID(ctx, "orders", "orders_id_seq", int64(sizes.Orders))
}

// nextID makes the next number that a table gives itself the one after last.
func (d *database) nextID(ctx context.Context, table, sequence string, last int64) error {
	statement, args := "SELECT setval($1, $2)", []any{sequence, last}
	if !d.dollar {
		statement, args = "UPDATE sqlite_sequence SET seq = $2 WHERE name = $1", []any{table, last}
	}
	if _, err := d.ExecContext(ctx, statement, args...); err != nil {
		return fmt.Errorf("set the sequence of %s: %w", table, err)
	}
	return nil
}

func (p *product) row() []any {
	return []any{p.id, p.code, p.name, p.category, p.price.String(), p.stock, p.updated}
}

func (c *customer) row() []any { return []any{c.id, c.name, c.city} }

// row of an order without a reference: one that no client of the demo placed.
func (o *order) row() []any {
	return []any{o.id, o.customer, o.status, o.placed, o.total.String(), ""}
}

func (o *order) lineRows() [][]any {
	rows := make([][]any, len(o.lines))
	for i, l := range o.lines {
		rows[i] = []any{o.id, l.number, l.product, l.quantity, l.price.String()}
	}
	return rows
}

func scanProduct(rows *sql.Rows) (product, error) {
	var p product
	err := rows.Scan(&p.id, &p.code, &p.name, &p.category, &p.price, &p.stock, &p.updated)
	return p, err
}

func scanCustomer(rows *sql.Rows) (customer, error) {
	var c customer
	err := rows.Scan(&c.id, &c.name, &c.city)
	return c, err
}

// scanOrderLine reads one line of an order together with the order.
func scanOrderLine(rows *sql.Rows) (order, error) {
	var o order
	var l line
	err := rows.Scan(&o.id, &o.customer, &o.status, &o.placed, &o.total, &l.number, &l.product, &l.quantity, &l.price)
	o.lines = []line{l}
	return o, err
}

// gather puts the lines of one order, which follow one another, together.
func gather(lines []order) []order {
	var all []order
	for _, o := range lines {
		if n := len(all); n > 0 && all[n-1].id == o.id {
			all[n-1].lines = append(all[n-1].lines, o.lines...)
			continue
		}
		all = append(all, o)
	}
	return all
}
