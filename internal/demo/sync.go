package demo

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"
)

// syncEvery is how often the sync job looks for what old has taken.
const syncEvery = 100 * time.Millisecond

// job carries what old takes to new: at first everything, then what old's queue names. An entry leaves the queue only when
// new has it, and applying one twice changes nothing, so that nothing is lost or doubled whatever comes in between.
type job struct {
	from, to *database
	faults   *faults
	mu       sync.Mutex // one pass at a time
	stopped  bool
}

// copyAll copies every table, with the faults that the copy has, and sets new's sequence ahead.
func (j *job) copyAll(ctx context.Context) error {
	customers, err := collect(ctx, j.from, scanCustomer, "SELECT id, name, city FROM customers ORDER BY id")
	if err != nil {
		return fmt.Errorf("copy the customers: %w", err)
	}
	var parties [][]any
	for _, c := range customers {
		parties = append(parties, c.row())
	}
	err = j.to.within(ctx, func(tx *sql.Tx) error {
		return insertRows(ctx, tx, "INSERT INTO party (party_id, full_name, place)", "", parties)
	})
	if err != nil {
		return fmt.Errorf("copy the customers: %w", err)
	}
	if _, err := j.copyProducts(ctx, ""); err != nil {
		return err
	}
	if err := j.copyOrders(ctx, ""); err != nil {
		return err
	}
	var last int64
	if err := j.from.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM orders").Scan(&last); err != nil {
		return fmt.Errorf("read the highest order: %w", err)
	}
	return j.to.nextID(ctx, "sale", "sale_sale_id_seq", last+orderGap)
}

// upsertArtifact never lets an older product replace a newer one: new may have changed it since.
const upsertArtifact = `ON CONFLICT (artifact_id) DO UPDATE SET code = excluded.code, label = excluded.label,
	classification = excluded.classification, unit_value = excluded.unit_value, on_hand = excluded.on_hand,
	changed_at = excluded.changed_at WHERE artifact.changed_at <= excluded.changed_at`

// copyProducts copies the products with these ids, or all, and returns how many there are.
func (j *job) copyProducts(ctx context.Context, ids string) (int, error) {
	query := "SELECT id, sku, name, category, price, stock, updated_at FROM products"
	if ids != "" {
		query += " WHERE id IN (" + ids + ")"
	}
	goods, err := collect(ctx, j.from, scanProduct, query)
	if err != nil {
		return 0, fmt.Errorf("copy the products: %w", err)
	}
	var rows [][]any
	for _, p := range goods {
		if j.faults.loses(&p) {
			continue
		}
		p.price = j.faults.price(&p)
		rows = append(rows, p.row())
	}
	err = j.to.within(ctx, func(tx *sql.Tx) error {
		return insertRows(ctx, tx, "INSERT INTO artifact (artifact_id, code, label, classification, unit_value, on_hand, changed_at)",
			upsertArtifact, rows)
	})
	if err != nil {
		return 0, fmt.Errorf("copy the products: %w", err)
	}
	return len(goods), nil
}

// copyOrders copies the orders with these ids, or all, with their lines.
func (j *job) copyOrders(ctx context.Context, ids string) error {
	ordersQuery := "SELECT id, customer_id, status, placed_at, total, reference FROM orders"
	linesQuery := "SELECT order_id, line, product_id, quantity, unit_price FROM order_lines"
	if ids != "" {
		ordersQuery += " WHERE id IN (" + ids + ")"
		linesQuery += " WHERE order_id IN (" + ids + ")"
	}
	orders, err := collect(ctx, j.from, scanOrderRow, ordersQuery)
	if err != nil {
		return fmt.Errorf("copy the orders: %w", err)
	}
	lines, err := collect(ctx, j.from, scanLineRow, linesQuery)
	if err != nil {
		return fmt.Errorf("copy the orders' lines: %w", err)
	}
	err = j.to.within(ctx, func(tx *sql.Tx) error {
		const once = "ON CONFLICT DO NOTHING"
		if err := insertRows(ctx, tx, "INSERT INTO measurement (sale_id, position, artifact_id, units, unit_value)", once, lines); err != nil {
			return err
		}
		return insertRows(ctx, tx, "INSERT INTO sale (sale_id, party_id, state, sold_at, amount, reference)", once, orders)
	})
	if err != nil {
		return fmt.Errorf("copy the orders: %w", err)
	}
	return nil
}

func scanOrderRow(rows *sql.Rows) ([]any, error) {
	var o order
	var reference string
	err := rows.Scan(&o.id, &o.customer, &o.status, &o.placed, &o.total, &reference)
	return append(o.row()[:5], reference), err
}

func scanLineRow(rows *sql.Rows) ([]any, error) {
	var order int64
	var l line
	err := rows.Scan(&order, &l.number, &l.product, &l.quantity, &l.price)
	return []any{order, l.number, l.product, l.quantity, l.price.String()}, err
}

// run carries changes until ctx ends or the job is stopped.
func (j *job) run(ctx context.Context) error {
	ticker := time.NewTicker(syncEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if _, err := j.pass(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("the sync job: %w", err)
		}
	}
}

type queued struct {
	seq    int64
	entity string
	id     int64
}

func scanQueued(rows *sql.Rows) (queued, error) {
	var q queued
	err := rows.Scan(&q.seq, &q.entity, &q.id)
	return q, err
}

// pass carries what the queue holds, at most 500 entries, and returns how many they were.
func (j *job) pass(ctx context.Context) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped {
		return 0, nil
	}
	entries, err := collect(ctx, j.from, scanQueued, "SELECT seq, entity, entity_id FROM sync_queue ORDER BY seq LIMIT 500")
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	var done, orders, products []int64
	for _, e := range entries {
		done = append(done, e.seq)
		switch e.entity {
		case orderEntity:
			orders = append(orders, e.id)
		case productEntity:
			products = append(products, e.id)
		}
	}
	if len(products) > 0 {
		if _, err := j.copyProducts(ctx, joinIDs(products)); err != nil {
			return 0, err
		}
	}
	if len(orders) > 0 {
		if err := j.copyOrders(ctx, joinIDs(orders)); err != nil {
			return 0, err
		}
	}
	if _, err := j.from.ExecContext(ctx, "DELETE FROM sync_queue WHERE seq IN ("+joinIDs(done)+")"); err != nil {
		return 0, fmt.Errorf("empty the queue: %w", err)
	}
	return len(entries), nil
}

// finish carries all that is left and stops the job for good.
func (j *job) finish(ctx context.Context) error {
	for {
		n, err := j.pass(ctx)
		if err != nil {
			return fmt.Errorf("the last sync: %w", err)
		}
		if n == 0 {
			break
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stopped = true
	return nil
}
