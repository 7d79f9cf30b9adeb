package compare

import (
	"testing"
	"time"
)

func TestRuleText(t *testing.T) {
	for want, rule := range map[string]Rule{
		`{path: "$..id", ignore: true}`:                         {Path: "$..id", Ignore: IgnoreAll},
		`{path: "$['a\\'b']", ignore: value}`:                   {Path: `$['a\'b']`, Ignore: IgnoreValue},
		`{path: "$['$${HOME}']", unordered: true}`:              {Path: "$['${HOME}']", Unordered: Multiset},
		`{path: "$['<é>']", unordered: true}`:                   {Path: "$['<é>']", Unordered: Multiset},
		`{path: "$.a", unordered: set}`:                         {Path: "$.a", Unordered: Set},
		`{path: "$.a", key: "$.id"}`:                            {Path: "$.a", Key: "$.id"},
		`{path: "$.a", rename: "b"}`:                            {Path: "$.a", Rename: "b"},
		`{path: "$.a", coerce: number}`:                         {Path: "$.a", CoerceNumber: true},
		`{path: "$", csv: {header: true}}`:                      {Path: "$", CSV: &CSV{Header: true}},
		`{path: "$.a", absent_equals_null: true}`:               {Path: "$.a", AbsentEqualsNull: true},
		`{header: etag, ignore: true}`:                          {Header: "etag", Ignore: IgnoreAll},
		`{path: "$.n", number: {absolute: 0.005}}`:              {Path: "$.n", Number: &Number{Absolute: "0.005"}},
		`{path: "$.n", number: {absolute: 0}}`:                  {Path: "$.n", Number: &Number{Absolute: "0", Relative: "0"}},
		`{path: "$.n", number: {relative: 0.5%}}`:               {Path: "$.n", Number: &Number{Absolute: "0", Relative: "0.005"}},
		`{path: "$.n", number: {relative: 100%}}`:               {Path: "$.n", Number: &Number{Relative: "1"}},
		`{path: "$.n", number: {relative: 0.0000001%}}`:         {Path: "$.n", Number: &Number{Relative: "1e-9"}},
		`{path: "$.n", number: {absolute: 1, relative: 12.5%}}`: {Path: "$.n", Number: &Number{Absolute: "1", Relative: "0.125"}},
		`{path: "$.t", time: {skew: 2s}}`:                       {Path: "$.t", Time: &Time{Skew: 2 * time.Second}},
		`{path: "$.t", time: {skew: 1m30s}}`:                    {Path: "$.t", Time: &Time{Skew: 90 * time.Second}},
		`{path: "$.t", time: {skew: 2h}}`:                       {Path: "$.t", Time: &Time{Skew: 2 * time.Hour}},
		`{path: "$.t", time: {skew: 10m}}`:                      {Path: "$.t", Time: &Time{Skew: 10 * time.Minute}},
		`{path: "$.t", time: {skew: 0s}}`:                       {Path: "$.t", Time: &Time{}},
	} {
		if got := rule.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
