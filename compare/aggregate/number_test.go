package aggregate

import (
	"fmt"
	"math/big"
	"testing"
)

func TestPercentAndGrouped(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0 %", "0.004": "0.4 %", "1/3": "33.3 %", "1": "100 %", "2": "200 %", "1/100000": "0.001 %", "1/1000000": "less than 0.001 %",
	} {
		if got := percent(rat(in)); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"1": "1", "-1234": "-1,234", "123": "123", "1234567.8901": "1,234,567.8901", "-0.5": "-0.5"} {
		if got := grouped(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
	if got := exact(rat("20000.50")); got != "20,000.5" {
		t.Error(got)
	}
	if v := measure(rat("1"), rat(fmt.Sprintf("1.%0500d1", 0))).variance(); v <= 0 {
		t.Errorf("a difference has the variance %v", v)
	}
}

func rat(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}
