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
		check: "payments", found: []string{" value: 1500 → 1499"},
	},
	{
		name: "a bucket with an offsetting error",
		change: `UPDATE sale SET state = 'shipped' WHERE sale_id IN (1001, 1005, 1009);
			UPDATE sale SET state = 'open' WHERE sale_id = 1003`,
		check: "states", found: []string{"shipped value: 500 → 502", "paid value: 1000 → 997", "open value: 500 → 501"},
	},
	{
		name:   "a ratio with both halves wrong",
		change: "DELETE FROM denotation_relation WHERE denotation IN (SELECT 'asset-' || i FROM generate_series(1, 8) i)",
		check:  "coverage", found: []string{"denominator value: 400 → 392", "numerator value: 300 → 294"},
	},
}
