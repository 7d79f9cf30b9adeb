package compare

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"
)

// Writers of fields, which are joined to messages.
func varint(number int, value uint64) string {
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(number)<<3), value))
}

// long is varint with a value that is written longer than it must be.
func long(number int, value byte) string {
	return string(binary.AppendUvarint(nil, uint64(number)<<3)) + string([]byte{value | 0x80, 0x80, 0})
}

func bytesField(number int, value string) string {
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(number)<<3|2), uint64(len(value)))) + value
}

func fixed64(number int, value uint64) string {
	return string(binary.LittleEndian.AppendUint64(binary.AppendUvarint(nil, uint64(number)<<3|1), value))
}

func fixed32(number int, value uint32) string {
	return string(binary.LittleEndian.AppendUint32(binary.AppendUvarint(nil, uint64(number)<<3|5), value))
}

func protoGroup(number int, fields string) string {
	return string(binary.AppendUvarint(nil, uint64(number)<<3|3)) + fields + string(binary.AppendUvarint(nil, uint64(number)<<3|4))
}

func TestCompareProtobuf(t *testing.T) {
	item := func(id uint64, name string) string { return bytesField(3, varint(1, id)+bytesField(2, name)) }
	double := func(f float64) string { return fixed64(1, math.Float64bits(f)) }
	sentence := strings.Repeat("a sentence ", 5)
	checkBodies(t, "application/x-protobuf", []bodies{
		{name: "the order of fields", old: varint(1, 5) + bytesField(2, "x") + fixed32(7, 1), new: fixed32(7, 1) + bytesField(2, "x") + varint(1, 5), verdict: Match},
		{name: "the order of fields of a message within", old: bytesField(1, varint(1, 5)+bytesField(2, "\x01")), new: bytesField(1, bytesField(2, "\x01")+varint(1, 5)), verdict: Match},
		{name: "the length of numbers", old: varint(1, 5), new: long(1, 5), verdict: Match},
		{name: "repeated fields between others", old: varint(1, 5) + varint(2, 1) + varint(1, 6), new: varint(1, 5) + varint(1, 6) + varint(2, 1), verdict: Match},
		{name: "the order of repeated fields", old: varint(1, 5) + varint(1, 6), new: varint(1, 6) + varint(1, 5), verdict: Mismatch, differences: []string{"value $['1'][0]", "value $['1'][1]"}},
		{name: "a number", old: varint(1, 5), new: varint(1, 6), verdict: Mismatch, differences: []string{"value $['1']"}},
		{name: "fixed numbers", old: fixed32(1, 5) + fixed64(2, 5), new: fixed32(1, 6) + fixed64(2, 6), verdict: Mismatch, differences: []string{"value $['1']", "value $['2']"}},
		{name: "a text", old: bytesField(1, "abc"), new: bytesField(1, "abd"), verdict: Mismatch, differences: []string{"value $['1']"}},
		{name: "bytes", old: bytesField(1, "\xff\x00"), new: bytesField(1, "\xff\x01"), verdict: Mismatch, differences: []string{"value $['1']"}},
		{name: "an element of many", old: item(1, "a\x01") + item(2, "b\x01"), new: item(1, "a\x01") + item(2, "c\x01"), verdict: Mismatch, differences: []string{"value $['3'][1]['2']"}},
		{name: "an element of many that is missing", old: item(1, "a") + item(2, "b") + item(3, "c"), new: item(1, "a") + item(3, "c"), verdict: Mismatch, differences: []string{"missing $['3'][1]"}},
		{name: "a field that is missing", old: varint(1, 5) + varint(2, 0), new: varint(1, 5), verdict: Mismatch, differences: []string{"missing $['2']"}},
		{name: "an empty field is no message", old: bytesField(1, ""), new: bytesField(1, varint(1, 1)), verdict: Mismatch, differences: []string{"value $['1']"}},
		{name: "another wire type", old: varint(1, 5), new: fixed32(1, 5), verdict: Mismatch, differences: []string{"type $['1']"}},
		{name: "texts that would be equal as messages", old: bytesField(1, bytesField(4, sentence)+bytesField(5, sentence)), new: bytesField(1, bytesField(5, sentence)+bytesField(4, sentence)), verdict: Mismatch, differences: []string{"value $['1']"}},
		{name: "one of two is a message", old: bytesField(1, varint(1, 5)), new: bytesField(1, "\x08"), verdict: Mismatch, differences: []string{"value $['1']"}},
		{name: "groups", old: protoGroup(1, varint(1, 1)+varint(2, 2)), new: protoGroup(1, varint(2, 2)+varint(1, 1)), verdict: Match},
		{name: "in a group", old: protoGroup(1, varint(1, 1)), new: protoGroup(1, varint(1, 2)), verdict: Mismatch, differences: []string{"value $['1']['1']"}},
		{name: "cut off", old: varint(1, 5), new: bytesField(1, "abc")[:3], verdict: Mismatch, differences: []string{"invalid $"}},
		{name: "invalid on both sides", old: "\x07", new: "\x06", verdict: Mismatch, differences: []string{"invalid $"}},
		{name: "too deep", old: strings.Repeat("\x0b", 600), new: varint(1, 1), verdict: Skipped},

		{name: "a rule", old: varint(1, 5) + varint(2, 1), new: varint(2, 1), rules: []Rule{{Path: "$['1']", Ignore: IgnoreAll}}, verdict: Tolerated},
		{name: "a rule within", old: item(1, "a") + item(2, "b"), new: item(1, "a") + item(3, "b"), rules: []Rule{{Path: "$['3'][*]['1']", Ignore: IgnoreValue}}, verdict: Tolerated},
		{name: "a tolerance", old: varint(1, 100), new: varint(1, 101), rules: []Rule{{Path: "$['1']", Number: &Number{Relative: "0.01"}}}, verdict: Tolerated},
		{name: "beyond a tolerance", old: varint(1, 100), new: varint(1, 102), rules: []Rule{{Path: "$['1']", Number: &Number{Relative: "0.01"}}}, verdict: Mismatch, differences: []string{"value $['1']"}},
		{name: "a tolerance for floating-point numbers", old: double(1.50), new: double(1.51), rules: []Rule{{Path: "$['1']", Number: &Number{Absolute: "0.01"}}}, verdict: Tolerated},
		{name: "small integers are no tiny numbers", old: fixed64(1, 1), new: fixed64(1, 9), rules: []Rule{{Path: "$['1']", Number: &Number{Absolute: "0.01"}}}, verdict: Mismatch, differences: []string{"value $['1']"}},
		{name: "a time", old: varint(1, 1700000000), new: varint(1, 1700000002), rules: []Rule{{Path: "$['1']", Time: &Time{Skew: 2 * time.Second}}}, verdict: Tolerated},
		{name: "a timestamp", old: bytesField(1, varint(1, 1700000000)+varint(2, 5)), new: bytesField(1, varint(1, 1700000001)), rules: []Rule{{Path: "$['1']", Time: &Time{Skew: time.Second}}}, verdict: Tolerated},
		{name: "a timestamp too late", old: bytesField(1, varint(1, 1700000000)), new: bytesField(1, varint(1, 1700000002)), rules: []Rule{{Path: "$['1']", Time: &Time{Skew: time.Second}}}, verdict: Mismatch, differences: []string{"value $['1']['1']"}},
		{name: "any order", old: item(1, "a") + item(2, "b"), new: item(2, "b") + item(1, "a"), rules: []Rule{{Path: "$['3']", Unordered: Multiset}}, verdict: Tolerated},
		{name: "any order, spelled anew", old: item(1, "a") + item(2, "b"), new: bytesField(3, bytesField(2, "b")+varint(1, 2)) + item(1, "a"), rules: []Rule{{Path: "$['3']", Unordered: Multiset}}, verdict: Tolerated},
		{name: "by key", old: item(1, "a") + item(2, "b"), new: item(2, "c") + item(1, "a"), rules: []Rule{{Path: "$['3']", Key: "$['1']"}}, verdict: Mismatch, differences: []string{"value $['3'][1]['2']"}},
	})
}

func TestInvalidWire(t *testing.T) {
	for _, text := range []string{
		"\x00", "\x08", "\x08\x80", "\x09\x00", "\x0a", "\x0a\x01", "\x0b", "\x0c", "\x0b\x14", "\x0d\x00", "\x0e", "\x0f",
		"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", "\xf8\xff\xff\xff\xff\x0f\x00", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	} {
		if _, err := parseWire(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// Messages that nest deep, or are read as such, end with a verdict.
func TestHostileProtobuf(t *testing.T) {
	deep := varint(1, 1)
	other := varint(1, 2)
	for range 3000 {
		deep, other = bytesField(1, deep), bytesField(1, other)
	}
	for name, tc := range map[string]struct {
		old, new string
		want     Verdict
	}{
		"deep":       {deep, other, Skipped},
		"many":       {strings.Repeat(varint(1, 1), 300_000), varint(1, 1), Skipped},
		"a list":     {strings.Repeat(varint(1, 1), 20_000), strings.Repeat(varint(1, 1), 20_000) + varint(1, 2), Mismatch},
		"one number": {strings.Repeat(varint(1, 1), 20_000), strings.Repeat(varint(1, 2), 20_000), Mismatch},
	} {
		t.Run(name, func(t *testing.T) {
			got := comparer(t).Compare(answer(200, tc.old, ct, "application/protobuf"), answer(200, tc.new, ct, "application/protobuf"))
			if got.Verdict != tc.want {
				t.Errorf("%s %s", got.Verdict, got.Reason)
			}
		})
	}
}

func FuzzProtobuf(f *testing.F) {
	f.Add(varint(1, 5)+bytesField(2, "x\x01"), varint(1, 6))
	f.Add(protoGroup(1, varint(1, 1)), fixed64(2, 1)+fixed32(1, 1))
	f.Add(bytesField(1, bytesField(1, varint(1, 1)))+bytesField(1, ""), "\x0a")
	c := comparer(f)
	compare := func(old, new string) Result {
		return c.Compare(answer(200, old, ct, "application/protobuf"), answer(200, new, ct, "application/protobuf"))
	}
	f.Fuzz(func(t *testing.T, old, new string) {
		there, back := compare(old, new), compare(new, old)
		if there.Verdict != back.Verdict {
			t.Fatalf("%q and %q: %s and %s", old, new, there.Verdict, back.Verdict)
		}
		if there.Verdict == Match && old != new {
			// What matches has the same fields, as often.
			a, b := wireCount(t, old), wireCount(t, new)
			if a != b {
				t.Fatalf("%q and %q match", old, new)
			}
		}
		if _, err := parseWire(old); err == nil {
			if got := compare(old, old+varint(99, 1)); got.Verdict == Match {
				t.Fatalf("%q matches with a field more", old)
			}
		}
	})
}

func wireCount(t *testing.T, text string) int {
	fields, err := parseWire(text)
	if err != nil {
		t.Fatalf("%q matches another text, and is invalid: %v", text, err)
	}
	return len(fields)
}
