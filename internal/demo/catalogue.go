package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Sizes are how much the shops hold at the start.
type Sizes struct {
	Products, Customers, Orders int
}

var (
	categories = []string{
		"armchairs", "bathroom", "bedding", "benches", "bookcases", "cabinets", "carpets", "clocks", "cookware", "curtains",
		"desks", "garden", "lamps", "mirrors", "shelves", "tableware",
	}
	nouns = map[string][]string{
		"armchairs": {"Armchair", "Wing Chair", "Rocking Chair"}, "bathroom": {"Towel Rail", "Soap Dish", "Bath Mat"},
		"bedding": {"Duvet", "Pillow", "Bedspread"}, "benches": {"Bench", "Piano Stool", "Hall Seat"},
		"bookcases": {"Bookcase", "Magazine Rack", "Étagère"}, "cabinets": {"Cabinet", "Sideboard", "Chest of Drawers"},
		"carpets": {"Carpet", "Runner", "Kilim"}, "clocks": {"Wall Clock", "Alarm Clock", "Mantel Clock"},
		"cookware": {"Frying Pan", "Stockpot", "Salt & Pepper Mill"}, "curtains": {"Curtain", "Roller Blind", "Curtain Rod"},
		"desks": {"Desk", "Writing Table", "Bureau"}, "garden": {"Garden Chair", "Planter", "Lantern"},
		"lamps": {"Floor Lamp", "Desk Lamp", "Pendant"}, "mirrors": {"Mirror", "Shaving Mirror", "Hall Mirror"},
		"shelves": {"Shelf", "Wall Rack", "Spice Rack"}, "tableware": {"Dinner Plate", "Teapot", "Salad Bowl"},
	}
	materials = []string{
		"Oak", "Walnut", "Beech", "Rattan", "Linen", "Wool", "Brass", "Steel", "Copper", "Glass", "Marble", "Enamel",
	}
	qualities = []string{
		"Oiled", "Woven", "Brushed", "Painted", "Hand-made", "Folding", "Small", "Large", "Antique", "Plain", "Striped",
		"Nordic",
	}
	firstNames = []string{"Ada", "Björn", "Chloé", "Dmitri", "Esther", "Farid", "Grace", "Hana", "Ivan", "Joana", "Kenji", "Lucía"}
	lastNames  = []string{"Almeida", "Berg", "Costa", "Dahl", "Eriksen", "Fischer", "García", "Haddad", "Ito", "Jansen", "Kowalski", "Lund"}
	cities     = []string{"Aarhus", "Bilbao", "Chur", "Dresden", "Évora", "Fredrikstad", "Gdańsk", "Haarlem"}
)

// product is one thing for sale.
type product struct {
	id       int64
	code     string
	name     string
	category string
	price    cents
	stock    int64
	updated  time.Time
}

// customer is one who buys.
type customer struct {
	id   int64
	name string
	city string
}

// order is one sale, with its lines where they were asked for.
type order struct {
	id       int64
	customer int64
	status   string
	placed   time.Time
	total    cents
	lines    []line
}

// line is one kind of goods in an order, at the price of that day.
type line struct {
	number   int64
	product  int64
	quantity int64
	price    cents
}

// makeProducts returns n products. They are the same at every call with the same seed.
func makeProducts(r *rand.Rand, n int, now time.Time) []product {
	all := make([]product, n)
	for i := range all {
		category := categories[i%len(categories)]
		noun := nouns[category][r.IntN(len(nouns[category]))]
		name := fmt.Sprintf("%s %s %s", qualities[r.IntN(len(qualities))], materials[r.IntN(len(materials))], noun)
		if r.IntN(3) == 0 {
			name += fmt.Sprintf(" %d cm", 20+10*r.IntN(17))
		}
		all[i] = product{
			id: int64(i + 1), code: fmt.Sprintf("%s-%05d", strings.ToUpper(category[:3]), i+1), name: name, category: category,
			// Prices end in 99, 50 or 00, so that many goods of a category cost the same.
			price: cents(100*(5+r.IntN(60))) - []cents{1, 50, 0}[r.IntN(3)],
			stock: int64(r.IntN(400)), updated: now.Add(-time.Duration(1+r.IntN(90*24)) * time.Hour),
		}
	}
	return all
}

func makeCustomers(r *rand.Rand, n int) []customer {
	all := make([]customer, n)
	for i := range all {
		all[i] = customer{
			id:   int64(i + 1),
			name: firstNames[r.IntN(len(firstNames))] + " " + lastNames[r.IntN(len(lastNames))], city: cities[r.IntN(len(cities))],
		}
	}
	return all
}

// makeOrders returns n orders of the past three months, oldest first, numbered from 1.
func makeOrders(r *rand.Rand, n int, goods []product, buyers int, now time.Time) []order {
	all := make([]order, n)
	step := 90 * 24 * time.Hour / time.Duration(n+1)
	for i := range all {
		o := order{
			id: int64(i + 1), customer: 1 + r.Int64N(int64(buyers)), status: "shipped",
			placed: now.Add(-time.Duration(n-i) * step).Truncate(time.Millisecond),
		}
		for number := range 1 + r.IntN(4) {
			p := goods[r.IntN(len(goods))]
			l := line{number: int64(number + 1), product: p.id, quantity: 1 + r.Int64N(3), price: p.price}
			o.total += cents(l.quantity) * l.price
			o.lines = append(o.lines, l)
		}
		all[i] = o
	}
	return all
}
