package inventory

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"paritygate/compare/aggregate/catalog"
)

// side reads tables, one a line: `name(column type [pk] [null], …) rows`. A name may have a schema.
func side(t *testing.T, lines ...string) *Side {
	t.Helper()
	c := &catalog.Catalog{Server: catalog.Server{Database: "db", Version: "17.1"}}
	for _, line := range lines {
		head, rest, ok := strings.Cut(line, "(")
		body, rows, ok2 := cutLast(rest, ")")
		if !ok || !ok2 {
			t.Fatalf("no table: %s", line)
		}
		n := catalog.Name{Schema: "public", Name: strings.TrimSpace(head)}
		if s, r, qualified := strings.Cut(n.Name, "."); qualified {
			n = catalog.Name{Schema: s, Name: r}
		}
		relation := catalog.Relation{Name: n, Kind: catalog.Table}
		if rows = strings.TrimSpace(rows); rows != "" {
			count, err := strconv.ParseInt(rows, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			relation.Rows = &count
		}
		c.Relations = append(c.Relations, relation)
		var key []string
		for i, part := range strings.Split(body, ";") {
			words := strings.Fields(part)
			column := catalog.Column{Relation: n, Name: words[0], Position: i + 1, Type: words[1], NotNull: true}
			base, _, _ := strings.Cut(words[1], "(")
			column.Of = catalog.ValueType{Name: catalog.Name{Schema: "pg_catalog", Name: base}, Modifier: -1}
			for _, w := range words[2:] {
				switch w {
				case "pk":
					key = append(key, words[0])
				case "null":
					column.NotNull = false
				}
			}
			c.Columns = append(c.Columns, column)
		}
		if key != nil {
			c.Constraints = append(c.Constraints, catalog.Constraint{Name: n.Name + "_pkey", Relation: n, Kind: catalog.PrimaryKey, Columns: key})
		}
	}
	return &Side{Catalog: c}
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// allTypes are the types of check that are drafted.
var allTypes = []string{"count", "scalar", "distribution", "checksum", "schema", "sequences"}

// pairs writes what was matched: `old=new`, `old=new?` for a proposal, `old=` and `=new` for what stands alone.
func pairs(i *Inventory) string {
	var out []string
	for n := range i.Tables {
		p := &i.Tables[n]
		var old, newer string
		if p.Old != nil {
			old = p.Old.Name.String()
		}
		if p.New != nil {
			newer = p.New.Name.String()
		}
		if p.Match == BySimilarity {
			newer += "?"
		}
		out = append(out, old+"="+newer)
	}
	return strings.Join(out, " ")
}

func TestTablesAreMatched(t *testing.T) {
	for _, row := range []struct {
		name     string
		old, new []string
		want     string
	}{
		{
			"the same names",
			[]string{"orders(id int8 pk)", "users(id int8 pk)"},
			[]string{"users(id uuid pk)", "orders(id int8 pk)"},
			"orders=orders users=users",
		},
		{"another spelling", []string{"orderItems(id int8 pk)", "users(id int8)"}, []string{"order_item(id int8 pk)", "User(id int8)"}, "orderItems=order_item users=User"},
		{
			"the same names in two schemas",
			[]string{"auth.users(id int8)", "public.users(id int8; mail text)"},
			[]string{"public.users(id int8; mail text)"},
			"auth.users= users=users",
		},
		{"another schema", []string{"orders(id int8)"}, []string{"shop.orders(id int8)"}, "orders=shop.orders"},
		{
			"the playbook's renames",
			[]string{
				"mart_performance_metrics(id int8 pk; product_id int8; metric text; amount numeric(12,2); measured_at timestamptz) 25000",
				"product_asset_mappings(product_id int8 pk; asset_id int8 pk; created_at timestamptz) 5200",
				"tag_classifications(id int8 pk; tag text; classification text; created_at timestamptz) 800",
				"legacy_flags(code text; raw bytea)",
			},
			[]string{
				"performance_measurement_dataset(id int8 pk; artifact_id int8; metric text; value numeric(14,4); measured_at timestamptz) 24900",
				"denotation_relation(artifact_id int8 pk; resource_id int8 pk; created_at timestamptz) 5200",
				"tag_content_entity(id int8 pk; tag varchar; content_class text; created_at timestamptz) 800",
				"audit(at timestamptz; actor uuid; payload jsonb; ip inet)",
			},
			"mart_performance_metrics=performance_measurement_dataset? product_asset_mappings=denotation_relation? tag_classifications=tag_content_entity? legacy_flags= =audit",
		},
		{
			// The first of old is like both, and the second like one alone: pairing the best first would leave the second without.
			"the assignment is the best for all",
			[]string{"client(id int8 pk; name text; mail text; phone text) 100", "buyer(id int8 pk; name text; mail text) 50"},
			[]string{"customer(id int8 pk; name text; mail text) 50", "contact(id int8 pk; name text; mail text; phone text) 100"},
			"client=contact? buyer=customer?",
		},
		{
			"nothing in common",
			[]string{"sessions(token text pk; expires timestamptz; ip inet) 7"},
			[]string{"invoices(number int8 pk; total numeric(12,2); paid bool; due date) 9000"},
			"sessions= =invoices",
		},
		{
			"what many tables have says little",
			[]string{
				"a1(id int8 pk; tenant int8; created_at timestamptz; updated_at timestamptz; deleted_at timestamptz; weight float8) 100",
				"kept(id int8 pk; tenant int8; created_at timestamptz; updated_at timestamptz; deleted_at timestamptz)",
				"kept2(id int8 pk; tenant int8; created_at timestamptz; updated_at timestamptz; deleted_at timestamptz)",
				"kept3(id int8 pk; tenant int8; created_at timestamptz; updated_at timestamptz; deleted_at timestamptz)",
			},
			[]string{
				"zz(id int8 pk; tenant int8; created_at timestamptz; updated_at timestamptz; deleted_at timestamptz; doc jsonb) 100",
				"kept(id int8 pk; tenant int8; created_at timestamptz; updated_at timestamptz; deleted_at timestamptz)",
				"kept2(id int8 pk; tenant int8; created_at timestamptz; updated_at timestamptz; deleted_at timestamptz)",
				"kept3(id int8 pk; tenant int8; created_at timestamptz; updated_at timestamptz; deleted_at timestamptz)",
			},
			"a1= kept=kept kept2=kept2 kept3=kept3 =zz",
		},
		{
			"what one pair teaches of another",
			[]string{
				"lines(order_id int4 pk; line_no int2 pk; product_id int4; amount numeric(12,2)) 4001", "product_asset_mappings(product_id int4; asset varchar(40); covered bool) 400",
				"visits(id int8; visitor text; page text; seconds int4)",
			},
			[]string{
				"sale_line(sale_id int8 pk; line_no int4 pk; artifact_id int8; value numeric) 4001", "denotation_relation(artifact_id int8; denotation text; covered bool) 300",
				"page_view(id int8; visitor uuid; page text; seconds int8)",
			},
			"lines=sale_line? product_asset_mappings=denotation_relation? visits=page_view?",
		},
		{
			"the number of rows decides between equals",
			[]string{"aa(id int8 pk; label text) 100", "bb(id int8 pk; label text) 5000"},
			[]string{"yy(id int8 pk; label text) 5010", "zz(id int8 pk; label text) 100"},
			"aa=zz? bb=yy?",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			i := Make(at, side(t, row.old...), side(t, row.new...), allTypes)
			if got := pairs(i); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
				for _, p := range i.Tables {
					t.Logf("%s %.3f", p.how(), p.Score)
				}
			}
		})
	}
}

func TestColumnsAreMatched(t *testing.T) {
	for _, row := range []struct{ name, old, new, want string }{
		{"the same", "t(id int8 pk; a text)", "t(a varchar; id int8 pk)", "id=id a=a"},
		{"another spelling", "t(userName text; created_at timestamptz)", "t(user_name text; createdAt timestamptz)", "userName=user_name created_at=createdAt"},
		{"renamed", "t(id int8 pk; product_id int8; amount numeric(12,2))", "t(id int8 pk; artifact_id int8; total_amount numeric(14,4))", "id=id product_id=artifact_id? amount=total_amount?"},
		{"the key stays the key", "t(id int8 pk; owner int8)", "t(t_id int8 pk; owner_id int8)", "id=t_id? owner=owner_id?"},
		{"types that cannot stand for one another", "t(id int8 pk; logo bytea)", "t(id int8 pk; log_at timestamptz)", "id=id logo= =log_at"},
		{"the same name, another type", "t(id int8 pk)", "t(id uuid pk)", "id=id"},
	} {
		t.Run(row.name, func(t *testing.T) {
			i := Make(at, side(t, row.old), side(t, row.new), allTypes)
			var out []string
			for _, c := range i.Tables[0].Columns {
				var old, newer string
				if c.Old != nil {
					old = c.Old.Name
				}
				if c.New != nil {
					newer = c.New.Name
				}
				if c.Match == BySimilarity {
					newer += "?"
				}
				out = append(out, old+"="+newer)
			}
			if got := strings.Join(out, " "); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// The assignment adds up to the most that any adds up to, one column for each row.
func TestAssign(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		rows, columns := 1+r.IntN(5), r.IntN(6)
		scores := make([][]float64, rows)
		for i := range scores {
			scores[i] = make([]float64, columns)
			for j := range scores[i] {
				scores[i][j] = float64(r.IntN(100)) / 100
			}
		}
		const threshold = 0.3
		got, total, taken := assign(scores, threshold), 0.0, map[int]bool{}
		for i, j := range got {
			if j < 0 {
				continue
			}
			if scores[i][j] < threshold || taken[j] {
				t.Fatalf("%d: %v for %v", n, got, scores)
			}
			taken[j] = true
			total += scores[i][j]
		}
		if best := most(scores, threshold, map[int]bool{}); total < best-1e-9 {
			t.Fatalf("%d: %v adds up to %.2f, and %.2f can be had of %v", n, got, total, best, scores)
		}
	}
}

// most tries every assignment.
func most(scores [][]float64, threshold float64, taken map[int]bool) float64 {
	if len(scores) == 0 {
		return 0
	}
	best := most(scores[1:], threshold, taken)
	for j, s := range scores[0] {
		if s >= threshold && !taken[j] {
			taken[j] = true
			best = max(best, s+most(scores[1:], threshold, taken))
			delete(taken, j)
		}
	}
	return best
}

func TestNames(t *testing.T) {
	for _, row := range []struct {
		a, b        string
		least, most float64
	}{
		{"orders", "orders", 1, 1},
		{"orderItems", "order_item", 1, 1},
		{"Categories", "category", 1, 1},
		{"tbl_orders", "orders", 0.6, 0.99},
		{"product_id", "artifact_id", 0.5, 0.7},
		{"status", "status_code", 0.5, 0.99},
		{"price", "zone", 0, 0.3},
		{"Größe", "größe", 1, 1},
		{"", "x", 0, 0},
	} {
		if got := newName("", row.a).like(newName("", row.b)); got < row.least || got > row.most {
			t.Errorf("%q and %q are alike by %.2f, want %.2f to %.2f", row.a, row.b, got, row.least, row.most)
		}
		if newName("", row.a).like(newName("", row.b)) != newName("", row.b).like(newName("", row.a)) {
			t.Errorf("%q and %q are not alike both ways", row.a, row.b)
		}
	}
}

// What is drafted compares something: no sums of what is NULL, no sequences where there are none, nothing of empty tables.
func TestChecksThatWouldSayNothingAreNotDrafted(t *testing.T) {
	make := func(change func(*Side)) string {
		s := side(t, "t(id int8 pk; price numeric(10,2); kind text) 10")
		name := s.Catalog.Relations[0].Name
		s.Rows = map[catalog.Name]int64{name: 10}
		s.Distinct = map[catalog.ColumnName]float64{{Relation: name, Column: "kind"}: 3, {Relation: name, Column: "price"}: -1}
		s.Catalog.Sequences = []catalog.Sequence{{Name: catalog.Name{Schema: "public", Name: "s"}, Owner: &catalog.ColumnName{Relation: name, Column: "id"}}}
		change(s)
		var names []string
		for _, line := range strings.Split(Make(at, s, s, allTypes).Checks, "\n") {
			if name, ok := strings.CutPrefix(line, "  - name: "); ok {
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
	table := catalog.Name{Schema: "public", Name: "t"}
	for _, row := range []struct {
		name   string
		change func(*Side)
		want   string
	}{
		{"everything", func(*Side) {}, "schema sequences count-t data-t sum-t.price spread-t.kind"},
		{"no sequence", func(s *Side) { s.Catalog.Sequences = nil }, "schema count-t data-t sum-t.price spread-t.kind"},
		{"a column of NULLs", func(s *Side) { s.Distinct[catalog.ColumnName{Relation: table, Column: "price"}] = 0 }, "schema sequences count-t data-t spread-t.kind"},
		{"many values", func(s *Side) { s.Distinct[catalog.ColumnName{Relation: table, Column: "kind"}] = fewValues + 1 }, "schema sequences count-t data-t sum-t.price"},
		{"one value", func(s *Side) { s.Distinct[catalog.ColumnName{Relation: table, Column: "kind"}] = 1 }, "schema sequences count-t data-t sum-t.price"},
		{"no key", func(s *Side) { s.Catalog.Constraints = nil }, "schema sequences count-t sum-t.price spread-t.kind"},
		{"no rows", func(s *Side) { s.Rows[table] = 0 }, "schema sequences"},
		{"an estimate of no rows", func(s *Side) { s.Rows, s.Catalog.Relations[0].Rows = nil, new(int64) }, "schema sequences count-t data-t sum-t.price spread-t.kind"},
	} {
		if got := make(row.change); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// The writes are held for seconds: a checksum that reads for longer would keep the cutover from ever being made.
func TestLargeTablesAreNotReadWhileWritesAreHeld(t *testing.T) {
	for _, row := range []struct {
		old, new string
		strict   bool
	}{{"1000000", "1000000", true}, {"1000001", "5", false}, {"5", "1000001", false}} {
		got := Make(at, side(t, "t(id int8 pk) "+row.old), side(t, "t(id int8 pk) "+row.new), []string{"checksum"}).Checks
		if !strings.Contains(got, "type: checksum") || strings.Contains(got, "strict_at_cutover: false") == row.strict {
			t.Errorf("%s and %s rows: %s", row.old, row.new, got)
		}
	}
}

// Floating point on one side and decimals on the other have no common exact form for a checksum.
func TestFloatsAgainstDecimalsAreLeftOutOfAChecksum(t *testing.T) {
	old, newer := side(t, "t(id int8 pk; weight float8; height float8)"), side(t, "t(id int8 pk; weight numeric; height float8)")
	got := Make(at, old, newer, allTypes).Checks
	if !strings.Contains(got, "- {old: weight, new: weight, ignore: true}") || strings.Contains(got, "old: height") {
		t.Error(got)
	}
}

// A type of check that there is not yet is not drafted; names are those that checks may have, and no two are the same.
func TestNamesOfDraftedChecks(t *testing.T) {
	long := strings.Repeat("x", 60)
	s := side(t, "a b(id int8)", "a_b(id int8)", "-(id int8)", long+"1(id int8)", long+"2(id int8)")
	got := Make(at, s, s, []string{"count"}).Checks
	want := []string{"count-a_b", "count-a_b-2", "count--", "count-" + long[:57], "count-" + long[:55] + "-2"}
	for _, name := range want {
		if !strings.Contains(got, "  - name: "+name+"\n    type: count\n") {
			t.Errorf("no check %s:\n%s", name, got)
		}
	}
	if strings.Contains(got, "type: schema") {
		t.Error("a type that nobody knows was drafted")
	}
}

// Nothing of what a name holds may end a table, a list or a block of Markdown, or be taken for HTML.
func TestMarkdownOfOddNames(t *testing.T) {
	c := side(t, "plain(id int8 pk)")
	odd := catalog.Name{Schema: "public", Name: "a|b\n## <script>`*_x"}
	c.Catalog.Relations = append(c.Catalog.Relations, catalog.Relation{Name: odd, Kind: catalog.Table})
	i := Make(at, c, c, allTypes)
	page := i.Markdown()
	for _, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, "## <") || strings.Contains(line, "<script>") && !strings.Contains(line, `"`) {
			t.Errorf("a name is taken for more than a name: %s", line)
		}
	}
}

func BenchmarkMake(b *testing.B) {
	var olds, news []string
	for i := range 200 {
		var columns []string
		for j := range 12 {
			columns = append(columns, fmt.Sprintf("column_%d_%d text", i%17, j))
		}
		olds = append(olds, fmt.Sprintf("old_%d(%s)", i, strings.Join(columns, ";")))
		news = append(news, fmt.Sprintf("renamed_%d(%s)", i, strings.Join(columns, ";")))
	}
	t := &testing.T{}
	old, newer := side(t, olds...), side(t, news...)
	for b.Loop() {
		Make(at, old, newer, allTypes)
	}
}
