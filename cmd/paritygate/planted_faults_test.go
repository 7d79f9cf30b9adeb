package main

// plantedFault is one thing that is wrong in new.
type plantedFault struct {
	name   string
	change string
	// check is the one that is meant to see it, found all that it names. also are the others that must see it too.
	check string
	found []string
	also  []string
}

var plantedFaults = []plantedFault{
	{
		name: "a lost row", change: "DELETE FROM payment WHERE sale_id = 1001",
		check: "all-payments", found: []string{
			"id=ae4de01d-7f79-67e1-34e1-dcc7c1a0faaf missing: order_id=1001, method=cash, amount=10.01, paid_at=2026-01-08 15:40:10.25+00 → -",
		}, also: []string{"payments"},
	},
	{
		name: "a bucket with an offsetting error",
		change: `UPDATE sale SET state = 'shipped' WHERE sale_id IN (1001, 1005, 1009);
			UPDATE sale SET state = 'open' WHERE sale_id = 1003`,
		check: "states", found: []string{"shipped value: 500 → 502", "paid value: 1000 → 997", "open value: 500 → 501"}, also: []string{"all-orders"},
	},
	{
		name:   "a ratio with both halves wrong",
		change: "DELETE FROM denotation_relation WHERE denotation IN (SELECT 'asset-' || i FROM generate_series(1, 8) i)",
		check:  "coverage", found: []string{"denominator value: 400 → 392", "numerator value: 300 → 294"},
	},
	{
		name: "a tie that is none", change: "UPDATE performance_sales SET sold = 450 WHERE sku = 'SKU-00028'",
		check: "top-sellers", found: []string{"SKU-00028 value: 500.00 → 450.000000"},
	},
	{
		name:   "a shift of ranks",
		change: "UPDATE performance_sales SET sold = CASE sku WHEN 'SKU-00003' THEN 90000 ELSE 92500 END WHERE sku IN ('SKU-00003', 'SKU-00004')",
		check:  "top-sellers", found: []string{"SKU-00003 value: 92500.00 → 90000.000000", "SKU-00004 value: 90000.00 → 92500.000000"},
	},
	{
		name: "a shifted time zone", change: "UPDATE sale SET placed_at = placed_at AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' WHERE sale_id = (SELECT max(sale_id) - 10 FROM sale)",
		check: "latest-orders", found: []string{"id=1990 placed_at value: 2026-01-16 04:58:17.5+00 → 2026-01-16 03:58:17.5+00"}, also: []string{"all-orders"},
	},
	{
		name: "a json of another meaning", change: `UPDATE page_view SET detail = jsonb_set(detail, '{sizes,1}', '2.51') WHERE id = 7`,
		check: "first-visits", found: []string{"id=7 detail $.sizes[1] value: 2.50 → 2.51"}, also: []string{"all-visits"},
	},
	{
		name: "a float off by more than an epsilon", change: "UPDATE artifact SET weight = weight * 1.000001 WHERE artifact_id = 14",
		check: "catalogue", found: []string{"sku=SKU-00014 weight value: 2 → 2.0000020000004"},
	},
	{
		name: "a doubled row", change: "INSERT INTO page_view SELECT * FROM page_view WHERE id = 617",
		check: "all-visits", found: []string{"id=617 extra: 1 row → 2 rows"},
	},
	{
		name: "a swapped pair of values",
		change: `UPDATE artifact a SET unit_value = b.unit_value FROM artifact b
			WHERE a.artifact_id IN (11, 12) AND b.artifact_id IN (11, 12) AND a.artifact_id <> b.artifact_id`,
		check: "all-products", found: []string{"id=11 value: price=53.91 → unit_value=58.72", "id=12 value: price=58.72 → unit_value=53.91"},
	},
	{
		name: "one changed cent", change: "UPDATE sale_line SET value = value + 0.01 WHERE sale_id = 1234 AND line_no = 2",
		check: "all-lines", found: []string{"order_id=1234, line_no=2 value: amount=83.69 → value=83.7"},
	},
	{
		name: "a truncated text", change: "UPDATE client SET full_name = left(full_name, 30) WHERE client_id = 204",
		check: "all-customers", found: []string{"id=204 value: name=Zoë Customer-204 of Łódź of Łódź of Łódź of Łódź → full_name=Zoë Customer-204 of Łódź of Łó"},
	},
	{
		name: "a NULL for an empty text", change: "UPDATE client SET note = NULL WHERE client_id = 400",
		check: "all-customers", found: []string{`id=400 value: note="" → note=NULL`},
	},
	{
		name: "a missing index", change: "DROP INDEX sale_by_time",
		check: "structure", found: []string{"orders index (placed_at) missing: orders_placed_at (placed_at) → -"},
	},
	{
		name: "a missing foreign key", change: "ALTER TABLE payment DROP CONSTRAINT payment_sale_id_fkey",
		check: "structure", found: []string{"payments foreign key (order_id) missing: payments_order_id_fkey (order_id) references orders (id) → -"},
	},
	{
		name: "a narrower column", change: "ALTER TABLE client ALTER mail TYPE varchar(60)",
		check: "structure", found: []string{"customers.email narrower: character varying(80) → character varying(60)"},
	},
	{
		name: "a stale sequence", change: "SELECT setval(pg_get_serial_sequence('sale', 'sale_id'), 17)",
		check: "numbers", found: []string{"orders.id behind: highest 2,000 → next 18 of sale_sale_id_seq, highest 2,000"},
	},
}
