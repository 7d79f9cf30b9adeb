package main

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/google/go-cmp/cmp"
	jd "github.com/josephburnett/jd/v2"
	nsf "github.com/nsf/jsondiff"
	wi2l "github.com/wI2L/jsondiff"
	yudai "github.com/yudai/gojsondiff"

	"paritygate/compare"
)

// engine says whether two documents mean the same.
type engine struct {
	name string
	// prepare makes what is not measured, and returns what is.
	prepare func(old, new []byte) func() (bool, error)
}

func engines() ([]engine, error) {
	c, err := compare.New(compare.Options{
		Headers: []string{"content-type", "location"},
		Rules: []compare.Rule{
			{Path: "$..requestId", Ignore: compare.IgnoreAll},
			{Path: "$..modified_at", Time: &compare.Time{}},
			{Path: "$..total", Number: &compare.Number{Relative: "0.01"}},
		},
	})
	if err != nil {
		return nil, err
	}
	return []engine{
		{"**paritygate/compare**, with three rules", func(old, new []byte) func() (bool, error) {
			a, b := answer(old), answer(new)
			return func() (bool, error) { return c.Compare(a, b).Verdict == compare.Match, nil }
		}},
		{"`bytes.Equal`", plain(func(old, new []byte) (bool, error) { return bytes.Equal(old, new), nil })},
		{"`encoding/json` + `reflect.DeepEqual`", plain(func(old, new []byte) (bool, error) {
			a, b, err := decoded(old, new)
			return reflect.DeepEqual(a, b), err
		})},
		{"`encoding/json` + `google/go-cmp`", plain(func(old, new []byte) (bool, error) {
			a, b, err := decoded(old, new)
			return cmp.Equal(a, b), err
		})},
		{"`wI2L/jsondiff`", plain(func(old, new []byte) (bool, error) {
			patch, err := wi2l.CompareJSON(old, new)
			return len(patch) == 0, err
		})},
		{"`nsf/jsondiff`", plain(func(old, new []byte) (bool, error) {
			options := nsf.Options{CompareNumbers: sameFloat}
			difference, _ := nsf.Compare(old, new, &options)
			return difference == nsf.FullMatch, nil
		})},
		{"`yudai/gojsondiff`", plain(func(old, new []byte) (bool, error) {
			diff, err := yudai.New().Compare(old, new)
			return err == nil && !diff.Modified(), err
		})},
		{"`josephburnett/jd`", plain(func(old, new []byte) (bool, error) {
			a, err := jd.ReadJsonString(string(old))
			if err != nil {
				return false, err
			}
			b, err := jd.ReadJsonString(string(new))
			if err != nil {
				return false, err
			}
			return a.Equals(b), nil
		})},
	}, nil
}

// plain is an engine that takes the bytes as they are.
func plain(equal func(old, new []byte) (bool, error)) func(old, new []byte) func() (bool, error) {
	return func(old, new []byte) func() (bool, error) {
		return func() (bool, error) { return equal(old, new) }
	}
}

// sameFloat compares numbers as the other libraries do; on its own nsf/jsondiff compares their text.
func sameFloat(a, b json.Number) bool {
	x, errX := a.Float64()
	y, errY := b.Float64()
	return errX == nil && errY == nil && x == y
}

func decoded(old, new []byte) (a, b any, err error) {
	if err := json.Unmarshal(old, &a); err != nil {
		return nil, nil, err
	}
	return a, b, json.Unmarshal(new, &b)
}

var header = map[string][]string{"Content-Type": {"application/json"}}

func answer(body []byte) *compare.Answer {
	return &compare.Answer{Status: 200, Header: header, Body: body, Size: int64(len(body))}
}
