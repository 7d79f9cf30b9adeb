package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"paritygate/internal/throwaway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var small = Sizes{Products: 420, Customers: 30, Orders: 100}

// open starts small shops and stops them at the test's end.
func open(t *testing.T, sqlite bool) *Shops {
	t.Helper()
	if _, err := throwaway.Find(); err != nil && !sqlite {
		t.Skip(err)
	}
	s, err := Open(t.Context(), Options{Directory: t.TempDir(), SQLite: sqlite, Sizes: small})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error("Run:", err)
		}
		if err := s.Close(); err != nil {
			t.Error("Close:", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// both runs a test on each kind of database.
func both(t *testing.T, f func(t *testing.T, s *Shops)) {
	for name, sqlite := range map[string]bool{"postgres": false, "sqlite": true} {
		t.Run(name, func(t *testing.T) { f(t, open(t, sqlite)) })
	}
}

func ask(t *testing.T, s *Shop, method, target, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	if err := d.Decode(&document); err != nil {
		t.Fatalf("%s %s: %v: %s", method, target, err, b)
	}
	return response.StatusCode, document
}

// meaning takes the noise out of a document, and makes equal what is written differently and says the same.
func meaning(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any)
		for name, value := range v {
			if name != "requestId" && name != "generated_at" {
				out[name] = meaning(value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = meaning(v[i])
		}
		return out
	case json.Number:
		f, err := strconv.ParseFloat(v.String(), 64)
		if err != nil {
			panic(err)
		}
		return f
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	return v
}

// same asks both shops and reports whether they say the same.
func same(t *testing.T, s *Shops, method, target, body string) (bool, string) {
	t.Helper()
	oldStatus, oldDocument := ask(t, s.Old, method, target, body)
	newStatus, newDocument := ask(t, s.New, method, target, body)
	a, b := meaning(oldDocument), meaning(newDocument)
	return oldStatus == newStatus && reflect.DeepEqual(a, b), fmt.Sprintf("%d %v\n%d %v", oldStatus, a, newStatus, b)
}

// everyRead are requests of all kinds, with some bad ones.
func everyRead() [][3]string {
	reads := [][3]string{
		{"GET", "/healthz", ""},
		{"GET", "/api/products/nine", ""},
		{"GET", "/api/products/99999", ""},
		{"GET", "/api/customers/1/orders", ""},
		{"GET", "/api/customers/99999/orders", ""},
		{"GET", "/api/orders/1", ""},
		{"GET", "/api/orders/100", ""},
		{"GET", "/api/orders/99999", ""},
		{"GET", "/api/stats?category=lamps&below=40", ""},
		{"GET", "/api/stats?category=none&below=40", ""},
		{"GET", "/api/stats", ""},
		{"GET", "/api/products?category=lamps", ""},
		{"GET", "/api/products?category=lamps&page=99", ""},
		{"POST", "/api/query", `{"path": "products:byIds", "args": {"ids": [5, 36, 7, 99999]}}`},
		{"POST", "/api/query", `{"path": "products:drop"}`},
		{"POST", "/api/query", `not json`},
		{"GET", "/api/search?q=oak", ""},
		{"GET", "/api/search?q=%25", ""},
	}
	for id := 1; id <= small.Products; id += 17 {
		reads = append(reads, [3]string{"GET", fmt.Sprintf("/api/products/%d", id), ""})
	}
	for _, c := range categories {
		reads = append(reads, [3]string{"GET", "/api/products?page=1&category=" + c, ""})
	}
	return reads
}

func TestRepairedShopsSayTheSame(t *testing.T) {
	both(t, func(t *testing.T, s *Shops) {
		repairs, err := s.Repair(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if repairs.Rows != 2 || repairs.Prices < 10 {
			t.Errorf("repaired %+v, want 2 rows and at least 10 prices", repairs)
		}
		for _, r := range everyRead() {
			if equal, what := same(t, s, r[0], r[1], r[2]); !equal {
				t.Errorf("%s %s %s:\n%s", r[0], r[1], r[2], what)
			}
		}
		if again, err := s.Repair(t.Context()); err != nil || again != (Repairs{}) {
			t.Errorf("a second repair found %+v, %v", again, err)
		}
	})
}

func TestEachFaultShows(t *testing.T) {
	both(t, func(t *testing.T, s *Shops) {
		for _, fault := range []struct{ name, method, target string }{
			{"price", "GET", "/api/products/36"},
			{"row", "GET", "/api/products/3"},
			{"row", "GET", "/api/products/400"},
			{"status", "GET", "/api/products/99999"},
		} {
			if equal, what := same(t, s, fault.method, fault.target, ""); equal {
				t.Errorf("%s does not show in %s: %s", fault.name, fault.target, what)
			}
		}
		if equal, what := same(t, s, "GET", "/api/products/2", ""); !equal {
			t.Errorf("a product without a fault differs: %s", what)
		}
		reordered := 0
		for _, c := range categories {
			before, after := goodsOf(t, s.Old, c), goodsOf(t, s.New, c)
			if !slices.Equal(before, after) && slices.Equal(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(after))) {
				reordered++
			}
		}
		if reordered == 0 {
			t.Error("no list has the same goods in another order")
		}
		begin := time.Now()
		ask(t, s.New, "GET", "/api/search?q=oak", "")
		if took := time.Since(begin); took < slowBy {
			t.Errorf("the slow endpoint took %v", took)
		}
	})
}

// goodsOf returns the ids and prices on the first page of a category, in their order.
func goodsOf(t *testing.T, s *Shop, category string) []string {
	t.Helper()
	_, document := ask(t, s, "GET", "/api/products?category="+category, "")
	var goods []string
	for _, item := range document["items"].([]any) {
		m := meaning(item).(map[string]any)
		goods = append(goods, fmt.Sprintf("%v at %v", m["id"], m["price"]))
	}
	return goods
}

func TestTheTwoWriteOtherBytes(t *testing.T) {
	s := open(t, true)
	var bodies []string
	for _, shop := range []*Shop{s.Old, s.New} {
		response, err := http.Get(shop.URL() + "/api/products/2")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(b))
	}
	if strings.Index(bodies[0], `"id"`) > strings.Index(bodies[0], `"price"`) || strings.Index(bodies[1], `"id"`) < strings.Index(bodies[1], `"price"`) {
		t.Errorf("the members come in one order:\n%s\n%s", bodies[0], bodies[1])
	}
}

// wait lets a condition come true within ten seconds.
func wait(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatal("not within ten seconds: " + what)
		case <-tick.C:
		}
	}
}

func TestSyncCarriesWrites(t *testing.T) {
	both(t, func(t *testing.T, s *Shops) {
		if _, err := s.Repair(t.Context()); err != nil {
			t.Fatal(err)
		}
		status, created := ask(t, s.Old, "POST", "/api/orders",
			`{"customer": 7, "reference": "r1", "items": [{"product": 5, "quantity": 2}, {"product": 9, "quantity": 1}]}`)
		if status != http.StatusCreated || fmt.Sprint(created["id"]) != "101" {
			t.Fatalf("order: %d %v", status, created)
		}
		if status, _ := ask(t, s.Old, "PATCH", "/api/products/5", `{"stock": 12345, "reference": "r2"}`); status != http.StatusOK {
			t.Fatalf("stock: %d", status)
		}
		for _, target := range []string{"/api/orders/101", "/api/customers/7/orders", "/api/products/5"} {
			wait(t, target+" is the same on both", func() bool {
				equal, _ := same(t, s, "GET", target, "")
				return equal
			})
		}
		if err := s.StopSync(t.Context()); err != nil {
			t.Fatal(err)
		}
		// After the flip new numbers its own orders, far from those of old.
		status, created = ask(t, s.New, "POST", "/api/orders", `{"customer": 7, "reference": "r3", "items": [{"product": 5, "quantity": 2}]}`)
		if id, err := created["id"].(json.Number).Int64(); status != http.StatusCreated || err != nil || id <= orderGap {
			t.Errorf("order on new: %d %v %v", status, created, err)
		}
	})
}

func TestSyncDoesNotUndoWhatNewChanged(t *testing.T) {
	s := open(t, true)
	ask(t, s.Old, "PATCH", "/api/products/8", `{"stock": 1, "reference": "a"}`)
	ask(t, s.New, "PATCH", "/api/products/8", `{"stock": 2, "reference": "b"}`)
	if err := s.StopSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, document := ask(t, s.New, "GET", "/api/products/8", "")
	if stock := document["product"].(map[string]any)["stock"]; fmt.Sprint(stock) != "2" {
		t.Errorf("new's stock is %v after the sync, want 2", stock)
	}
}

func TestBadWritesAreRefused(t *testing.T) {
	s := open(t, true)
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"POST", "/api/orders", `{`, 400},
		{"POST", "/api/orders", `{"customer": 1, "items": [{"product": 1, "quantity": 1}]}`, 400},
		{"POST", "/api/orders", `{"customer": 1, "reference": "x", "items": [{"product": 99999, "quantity": 1}]}`, 400},
		{"POST", "/api/orders", `{"customer": 1, "reference": "x", "items": [{"product": 1, "quantity": 0}]}`, 400},
		{"PATCH", "/api/products/99999", `{"stock": 1, "reference": "x"}`, 404},
		{"PATCH", "/api/products/1", `{"stock": 1}`, 400},
	} {
		if status, document := ask(t, s.Old, c.method, c.target, c.body); status != c.status {
			t.Errorf("%s %s %s: %d %v, want %d", c.method, c.target, c.body, status, document, c.status)
		}
	}
	if kept, err := s.Old.Kept(t.Context()); err != nil || len(kept) != 0 || len(s.Old.Writes()) != 0 {
		t.Errorf("kept %v, %v", kept, err)
	}
}

func TestKill(t *testing.T) {
	s := open(t, true)
	ask(t, s.New, "GET", "/healthz", "")
	s.New.Kill()
	begin := time.Now()
	for _, shadow := range []bool{false, false, true} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.New.URL()+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		if shadow {
			r.Header.Set("Paritygate-Shadow", "1")
		}
		if response, err := http.DefaultClient.Do(r); err == nil {
			response.Body.Close()
			t.Fatal("the killed shop answers")
		}
	}
	v := s.New.Visits()
	// A client tries an idempotent request again when its kept connection was reset before the answer began.
	if v.Clients < 3 || v.Shadows < 1 || v.Last.Before(begin) {
		t.Errorf("visits %+v, killed at %v", v, begin)
	}
	ask(t, s.Old, "GET", "/healthz", "")
}
