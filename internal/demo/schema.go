package demo

// tables is what one shop asks its database. Both shops run the same handlers; what a product is called, and in which
// table and columns it lies, is the schema's affair. Every query of one kind returns its columns in one order.
type tables struct {
	ddl []string

	product      string // id → id, code, name, category, price, stock, updated
	page         string // category, limit, offset → the same
	search       string // pattern, limit → the same
	byIDs        string // %s: ids → the same
	orders       string // customer, limit → order id, customer, status, placed, total, line, product, quantity, unit price
	order        string // id → the same
	figures      string // category, highest price → number, sum, lowest and highest of the prices
	orderCount   string // → number of orders
	customerByID string // id → id, name, city

	insertOrder string // customer, status, placed, total, reference → id
	insertLine  string // order, line, product, quantity, unit price
	setStock    string // id, stock, updated
	noteStock   string // id, reference
	references  string // → the references of all writes that are kept, orders and stock changes
	enqueue     string // entity, id; empty where nothing follows this database
}

// reorderedPage is the new shop's page as its first version asked for it: the sort has no tie-breaker that agrees with
// old's, so goods of one price come in another order.
const reorderedPage = `SELECT artifact_id, code, label, classification, unit_value, on_hand, changed_at FROM artifact
	WHERE classification = $1 ORDER BY unit_value, label DESC LIMIT $2 OFFSET $3`

// orderGap is how far ahead of the copied ids new's own sequence starts, so that an order that new numbers never collides
// with one that old numbered and the sync job has yet to bring.
const orderGap = 1_000_000

func oldTables() *tables {
	const goods = `SELECT id, sku, name, category, price, stock, updated_at FROM products`
	const lines = `SELECT o.id, o.customer_id, o.status, o.placed_at, o.total, l.line, l.product_id, l.quantity, l.unit_price
		FROM orders o JOIN order_lines l ON l.order_id = o.id`
	return &tables{
		ddl: []string{
			`CREATE TABLE products (id bigint PRIMARY KEY, sku text NOT NULL, name text NOT NULL, category text NOT NULL,
				price numeric(10,2) NOT NULL, stock bigint NOT NULL, updated_at timestamptz NOT NULL)`,
			`CREATE INDEX products_category ON products (category, price, id)`,
			`CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, city text NOT NULL)`,
			`CREATE TABLE orders (id bigserial PRIMARY KEY, customer_id bigint NOT NULL, status text NOT NULL,
				placed_at timestamptz NOT NULL, total numeric(12,2) NOT NULL, reference text NOT NULL)`,
			`CREATE INDEX orders_customer ON orders (customer_id, id)`,
			`CREATE TABLE order_lines (order_id bigint NOT NULL, line bigint NOT NULL, product_id bigint NOT NULL,
				quantity bigint NOT NULL, unit_price numeric(10,2) NOT NULL, PRIMARY KEY (order_id, line))`,
			`CREATE TABLE stock_changes (product_id bigint NOT NULL, reference text NOT NULL)`,
			`CREATE TABLE sync_queue (seq bigserial PRIMARY KEY, entity text NOT NULL, entity_id bigint NOT NULL)`,
		},
		product:      goods + ` WHERE id = $1`,
		page:         goods + ` WHERE category = $1 ORDER BY price, id LIMIT $2 OFFSET $3`,
		search:       goods + ` WHERE lower(name) LIKE $1 ORDER BY id LIMIT $2`,
		byIDs:        goods + ` WHERE id IN (%s) ORDER BY id`,
		orders:       lines + ` WHERE o.id IN (SELECT id FROM orders WHERE customer_id = $1 ORDER BY id DESC LIMIT $2) ORDER BY o.id DESC, l.line`,
		order:        lines + ` WHERE o.id = $1 ORDER BY l.line`,
		figures:      `SELECT count(*), sum(price), min(price), max(price) FROM products WHERE category = $1 AND price <= $2`,
		orderCount:   `SELECT count(*) FROM orders`,
		customerByID: `SELECT id, name, city FROM customers WHERE id = $1`,
		insertOrder:  `INSERT INTO orders (customer_id, status, placed_at, total, reference) VALUES ($1, $2, $3, $4, $5) RETURNING id`,
		insertLine:   `INSERT INTO order_lines (order_id, line, product_id, quantity, unit_price) VALUES ($1, $2, $3, $4, $5)`,
		setStock:     `UPDATE products SET stock = $2, updated_at = $3 WHERE id = $1`,
		noteStock:    `INSERT INTO stock_changes (product_id, reference) VALUES ($1, $2)`,
		references:   `SELECT reference FROM orders WHERE reference <> '' UNION ALL SELECT reference FROM stock_changes`,
		enqueue:      `INSERT INTO sync_queue (entity, entity_id) VALUES ($1, $2)`,
	}
}

func newTables() *tables {
	const goods = `SELECT artifact_id, code, label, classification, unit_value, on_hand, changed_at FROM artifact`
	const lines = `SELECT s.sale_id, s.party_id, s.state, s.sold_at, s.amount, m.position, m.artifact_id, m.units, m.unit_value
		FROM sale s JOIN measurement m ON m.sale_id = s.sale_id`
	return &tables{
		ddl: []string{
			`CREATE TABLE artifact (artifact_id bigint PRIMARY KEY, code text NOT NULL, label text NOT NULL, classification text NOT NULL,
				unit_value numeric(10,2) NOT NULL, on_hand bigint NOT NULL, changed_at timestamptz NOT NULL)`,
			`CREATE INDEX artifact_classification ON artifact (classification, unit_value, artifact_id)`,
			`CREATE TABLE party (party_id bigint PRIMARY KEY, full_name text NOT NULL, place text NOT NULL)`,
			`CREATE TABLE sale (sale_id bigserial PRIMARY KEY, party_id bigint NOT NULL, state text NOT NULL,
				sold_at timestamptz NOT NULL, amount numeric(12,2) NOT NULL, reference text NOT NULL)`,
			`CREATE INDEX sale_party ON sale (party_id, sale_id)`,
			`CREATE TABLE measurement (sale_id bigint NOT NULL, position bigint NOT NULL, artifact_id bigint NOT NULL,
				units bigint NOT NULL, unit_value numeric(10,2) NOT NULL, PRIMARY KEY (sale_id, position))`,
			`CREATE TABLE on_hand_changes (artifact_id bigint NOT NULL, reference text NOT NULL)`,
		},
		product:      goods + ` WHERE artifact_id = $1`,
		page:         goods + ` WHERE classification = $1 ORDER BY unit_value, artifact_id LIMIT $2 OFFSET $3`,
		search:       goods + ` WHERE lower(label) LIKE $1 ORDER BY artifact_id LIMIT $2`,
		byIDs:        goods + ` WHERE artifact_id IN (%s) ORDER BY artifact_id`,
		orders:       lines + ` WHERE s.sale_id IN (SELECT sale_id FROM sale WHERE party_id = $1 ORDER BY sale_id DESC LIMIT $2) ORDER BY s.sale_id DESC, m.position`,
		order:        lines + ` WHERE s.sale_id = $1 ORDER BY m.position`,
		figures:      `SELECT count(*), sum(unit_value), min(unit_value), max(unit_value) FROM artifact WHERE classification = $1 AND unit_value <= $2`,
		orderCount:   `SELECT count(*) FROM sale`,
		customerByID: `SELECT party_id, full_name, place FROM party WHERE party_id = $1`,
		insertOrder:  `INSERT INTO sale (party_id, state, sold_at, amount, reference) VALUES ($1, $2, $3, $4, $5) RETURNING sale_id`,
		insertLine:   `INSERT INTO measurement (sale_id, position, artifact_id, units, unit_value) VALUES ($1, $2, $3, $4, $5)`,
		setStock:     `UPDATE artifact SET on_hand = $2, changed_at = $3 WHERE artifact_id = $1`,
		noteStock:    `INSERT INTO on_hand_changes (artifact_id, reference) VALUES ($1, $2)`,
		references:   `SELECT reference FROM sale WHERE reference <> '' UNION ALL SELECT reference FROM on_hand_changes`,
	}
}
