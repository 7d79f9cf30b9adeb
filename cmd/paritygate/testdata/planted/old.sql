-- The shop as it was: a Postgres of some years, with serial keys, varchar(n), json, and UUIDs as text.
CREATE TABLE classifications (
	code  char(3) PRIMARY KEY,
	label varchar(40) NOT NULL
);
CREATE TABLE customers (
	id         serial PRIMARY KEY,
	ref        uuid NOT NULL,
	name       varchar(80) NOT NULL,
	email      varchar(80) NOT NULL,
	note       text,
	active     boolean NOT NULL DEFAULT true,
	created_at timestamp(3) with time zone NOT NULL
);
CREATE UNIQUE INDEX customers_email ON customers (email);
CREATE TABLE products (
	id             serial PRIMARY KEY,
	sku            varchar(20) NOT NULL UNIQUE,
	name           varchar(80) NOT NULL,
	classification char(3) NOT NULL REFERENCES classifications,
	price          numeric(10,2) NOT NULL,
	weight         double precision NOT NULL,
	stock          integer NOT NULL
);
CREATE TABLE orders (
	id          serial PRIMARY KEY,
	customer_id integer NOT NULL REFERENCES customers,
	placed_at   timestamp(3) with time zone NOT NULL,
	status      varchar(12) NOT NULL
);
CREATE INDEX orders_placed_at ON orders (placed_at);
CREATE INDEX orders_customer ON orders (customer_id);
CREATE TABLE lines (
	order_id   integer NOT NULL REFERENCES orders,
	line_no    smallint NOT NULL,
	product_id integer NOT NULL REFERENCES products,
	quantity   integer NOT NULL,
	amount     numeric(12,2) NOT NULL,
	PRIMARY KEY (order_id, line_no)
);
CREATE INDEX lines_product ON lines (product_id);
CREATE TABLE payments (
	id       uuid PRIMARY KEY,
	order_id integer NOT NULL REFERENCES orders,
	method   varchar(10) NOT NULL,
	amount   numeric(12,2) NOT NULL,
	paid_at  timestamp(3) with time zone
);
-- Tables of figures, as sync jobs make them: no primary key.
CREATE TABLE visits (id bigint NOT NULL, visitor varchar(36) NOT NULL, page varchar(40) NOT NULL, seconds integer, bot smallint NOT NULL, detail json);
CREATE TABLE product_asset_mappings (product_id integer NOT NULL, asset varchar(40) NOT NULL, covered boolean NOT NULL);
CREATE TABLE mart_product_sales (sku varchar(20) NOT NULL, sold numeric(12,2) NOT NULL);

INSERT INTO classifications SELECT chr(65 + i) || chr(66 + i), 'Class ' || i FROM generate_series(0, 11) i;
INSERT INTO customers (ref, name, email, note, active, created_at)
	SELECT md5('customer' || i)::uuid, 'Zoë Customer-' || i || repeat(' of Łódź', i % 5), 'c' || i || '@example.com',
		CASE i % 4 WHEN 0 THEN '' WHEN 1 THEN NULL ELSE 'note ' || i END, i % 7 <> 0, timestamptz '2025-01-01 00:00Z' + i * interval '1 h 7.123 s'
	FROM generate_series(1, 500) i;
INSERT INTO products (sku, name, classification, price, weight, stock)
	SELECT 'SKU-' || lpad(i::text, 5, '0'), 'Product ' || i, chr(65 + i % 12) || chr(66 + i % 12), (i * 37 % 10007) * 0.13::numeric(10,2) + 1, i / 7.0, i % 13
	FROM generate_series(1, 200) i;
INSERT INTO orders (customer_id, placed_at, status)
	SELECT 1 + i * 13 % 500, timestamptz '2026-01-01 00:00Z' + i * interval '11 min 0.25 s', (ARRAY['open','paid','paid','shipped'])[1 + i % 4]
	FROM generate_series(1, 2000 * :scale) i;
INSERT INTO lines
	SELECT o.id, n, 1 + (o.id * 7 + n * n) % 200, 1 + (o.id + n) % 5, ((o.id * 31 + n * 17) % 9973) * 0.01
	FROM orders o, generate_series(1, 3) n WHERE n <= 1 + o.id % 3;
INSERT INTO payments
	SELECT md5('payment' || id)::uuid, id, (ARRAY['card','transfer','cash'])[1 + id % 3], (id % 9973) * 0.01, CASE WHEN id % 10 <> 0 THEN placed_at + interval '5 min' END
	FROM orders WHERE status <> 'open';
INSERT INTO visits SELECT i, md5('visitor' || i)::uuid::text, '/products/' || i % 200, i % 90, (i % 5 = 0)::int,
	format('{"colour":"%s","sizes":[%s, 2.50],  "since":"%s"}', (ARRAY['red','green','blue'])[1 + i % 3], i % 9, date '2020-01-01' + i % 900)::json
	FROM generate_series(1, 1000 * :scale) i;
INSERT INTO product_asset_mappings SELECT 1 + i % 200, 'asset-' || i, i % 4 <> 0 FROM generate_series(1, 400) i;
-- Of the 30 that are compared the last ones have what five others have: which of them are in is chance.
INSERT INTO mart_product_sales SELECT sku, CASE WHEN id <= 25 THEN 100000 - id * 2500 WHEN id <= 35 THEN 500 ELSE 400 - id END FROM products;
ANALYZE;
