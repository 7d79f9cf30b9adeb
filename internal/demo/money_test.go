package demo

import "testing"

func TestCentsScan(t *testing.T) {
	for _, c := range []struct {
		from any
		want string
		bad  bool
	}{
		{from: "12.50", want: "12.50"},
		{from: "12.5", want: "12.50"},
		{from: "12", want: "12.00"},
		{from: []byte("0.07"), want: "0.07"},
		{from: 12.29, want: "12.29"},
		{from: int64(7), want: "7.00"},
		{from: nil, want: "0.00"},
		{from: "-3.01", want: "-3.01"},
		{from: "x", bad: true},
		{from: true, bad: true},
	} {
		var got cents
		if err := got.Scan(c.from); (err != nil) != c.bad {
			t.Errorf("%v: %v", c.from, err)
		} else if !c.bad && got.String() != c.want {
			t.Errorf("%v is read as %s, want %s", c.from, got, c.want)
		}
	}
	for amount, want := range map[cents]string{1250: "12.5", 1200: "12", 1201: "12.01", 100: "1", 0: "0"} {
		if got := string(newDialect.money(amount)); got != want {
			t.Errorf("%s is written short as %s, want %s", amount, got, want)
		}
	}
}
