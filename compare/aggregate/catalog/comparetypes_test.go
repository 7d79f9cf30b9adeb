package catalog

import "testing"

// typed is a value type by its name and the number that the server keeps for what stands in parentheses.
func typed(name string, modifier int) ValueType {
	return ValueType{Name: Name{"pg_catalog", name}, Modifier: modifier}
}

func decimal(precision, scale int) ValueType {
	return typed("numeric", precision<<16|scale&0x7ff+4)
}

func text50() ValueType { return typed("varchar", 54) }

func made(name string) ValueType { return ValueType{Name: Name{"public", name}, Modifier: -1} }

func list(v ValueType) ValueType {
	v.Array = true
	return v
}

func TestFits(t *testing.T) {
	price := decimal(12, 2)
	c := &Catalog{Types: []Type{
		{Name: Name{"public", "mood"}, Kind: "enum", Labels: []string{"glad", "so-so"}},
		{Name: Name{"public", "moods"}, Kind: "enum", Labels: []string{"glad", "sad", "so-so"}},
		{Name: Name{"public", "turned"}, Kind: "enum", Labels: []string{"so-so", "glad"}},
		{Name: Name{"public", "price"}, Kind: "domain", Base: &price, Checks: []string{"CHECK (VALUE > 0)"}},
		{Name: Name{"public", "free"}, Kind: "domain", Base: &price},
		{Name: Name{"public", "twice"}, Kind: "domain", Base: new(made("price"))},
		{Name: Name{"public", "loop"}, Kind: "domain", Base: new(made("loop"))},
	}}
	tests := []struct {
		old, new ValueType
		want     fit
	}{
		{typed("int4", -1), typed("int4", -1), equal},
		{typed("int4", -1), typed("int8", -1), wider},
		{typed("int8", -1), typed("int4", -1), narrower},
		{typed("int2", -1), decimal(5, 0), wider},
		{typed("int4", -1), decimal(9, 0), narrower},
		{typed("int8", -1), decimal(19, 0), wider},
		{typed("int8", -1), typed("numeric", -1), wider},
		{decimal(9, 0), typed("int4", -1), wider},
		{decimal(10, 0), typed("int4", -1), narrower},
		{decimal(4, 1), typed("int8", -1), narrower},
		{typed("numeric", -1), typed("int8", -1), narrower},
		{decimal(10, 2), decimal(12, 2), wider},
		{decimal(10, 2), decimal(12, 4), wider},
		{decimal(10, 2), decimal(10, 4), narrower}, // 8 digits before the point became 6
		{decimal(12, 2), decimal(10, 2), narrower},
		{decimal(12, 2), decimal(12, 1), narrower},
		{decimal(12, 2), typed("numeric", -1), wider},
		{typed("numeric", -1), decimal(1000, 500), narrower},
		{decimal(3, -2), decimal(5, 0), wider},
		{decimal(3, -2), decimal(4, 0), narrower},
		{typed("float4", -1), typed("float8", -1), wider},
		{typed("float8", -1), typed("float4", -1), narrower},
		{typed("int4", -1), typed("float8", -1), wider},
		{typed("int8", -1), typed("float8", -1), narrower},
		{typed("float8", -1), typed("numeric", -1), wider},
		{typed("float8", -1), decimal(20, 4), narrower},
		{decimal(6, 2), typed("float8", -1), narrower},
		{text50(), text50(), equal},
		{text50(), typed("varchar", 64), wider},
		{text50(), typed("text", -1), wider},
		{text50(), typed("varchar", -1), wider},
		{typed("varchar", 54), typed("varchar", 24), narrower},
		{typed("text", -1), text50(), narrower},
		{typed("varchar", -1), typed("text", -1), equal},
		{typed("bpchar", 14), typed("text", -1), wider},
		{typed("bpchar", 14), typed("bpchar", 24), wider},
		{typed("varchar", 14), typed("bpchar", 14), apart},
		{typed("varchar", 24), typed("bpchar", 14), narrower},
		{typed("timestamptz", -1), typed("timestamp", -1), narrower},
		{typed("timestamp", -1), typed("timestamptz", -1), apart},
		{typed("timestamptz", -1), typed("timestamptz", 3), narrower},
		{typed("timestamptz", 3), typed("timestamptz", 6), wider},
		{typed("timestamptz", -1), typed("timestamptz", 6), equal},
		{typed("timestamp", -1), typed("date", -1), narrower},
		{typed("date", -1), typed("timestamp", -1), apart},
		{typed("json", -1), typed("jsonb", -1), wider},
		{typed("jsonb", -1), typed("json", -1), apart},
		{typed("uuid", -1), typed("text", -1), apart},
		{typed("bool", -1), typed("int4", -1), apart},
		{typed("varbit", 5), typed("varbit", 4), narrower},
		{typed("varbit", 5), typed("varbit", -1), wider},
		{typed("bit", 5), typed("bit", 6), apart},
		{list(typed("int4", -1)), list(typed("int8", -1)), wider},
		{list(text50()), list(typed("varchar", 24)), narrower},
		{list(typed("int4", -1)), typed("int4", -1), apart},
		{made("mood"), made("moods"), wider},
		{made("moods"), made("mood"), narrower},
		{made("mood"), made("turned"), apart},
		{made("mood"), typed("text", -1), wider},
		{made("mood"), typed("varchar", 8), narrower},
		{made("mood"), typed("varchar", 9), equal},
		{typed("text", -1), made("mood"), narrower},
		{made("mood"), typed("int4", -1), apart},
		{made("price"), decimal(12, 2), equal},
		{decimal(12, 2), made("price"), narrower},
		{decimal(12, 2), made("free"), equal},
		{made("price"), made("twice"), equal},
		{made("twice"), decimal(10, 2), narrower},
		{made("loop"), made("loop"), equal},
		{made("citext"), ValueType{Name: Name{"extensions", "citext"}, Modifier: -1}, equal},
	}
	for _, test := range tests {
		if got := fits(c.kind(test.old), c.kind(test.new)); got != test.want {
			t.Errorf("%v to %v: %d, want %d", test.old, test.new, got, test.want)
		}
	}
}
