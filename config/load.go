package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Inspect finds what only the packages that use the values can see, such as a JSONPath that does not compile. It is asked of a file
// with problems too, where fields that could not be read have their defaults: what it says of those is dropped.
type Inspect func(*Config) Problems

// Load reads and checks the file at path. lookup finds the variables that it names, as os.LookupEnv does. The error is
// of type Problems and holds everything that is wrong, in the order of the file.
func Load(path string, lookup Lookup, inspections ...Inspect) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, Problems{{File: path, Message: err.Error()}}
	}
	return Parse(path, data, lookup, inspections...)
}

// read returns a file's bytes, at most one more than a configuration may have.
func read(path string) ([]byte, error) {
	f, err := os.Open(path) // #nosec G304 -- the operator names the file
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, unreadable(err)
	}
	if info.IsDir() {
		return nil, errors.New("is a directory; name the file in it")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, unreadable(err)
	}
	return data, nil
}

// unreadable leaves out the path, which the problem names already.
func unreadable(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("cannot be read: %w", err)
}

// Parse checks the text of a configuration; name stands for the file in what it reports. It does not touch the file
// system. The error is of type Problems.
func Parse(name string, data []byte, lookup Lookup, inspections ...Inspect) (*Config, error) {
	d, c := decode(name, data, lookup)
	if c == nil {
		d.problems.sort()
		return nil, d.problems
	}
	contradictions(d, c)
	c.file, c.places = name, d.places
	for _, inspect := range inspections {
		d.problems = append(d.problems, d.problems.elsewhere(inspect(c))...)
	}
	if len(d.problems) > 0 {
		d.problems.sort()
		return nil, d.problems
	}
	return c, nil
}

// AdminAddress returns the admin.address of a file that may be wrong in all else, as where its variables are not set: the way back must
// not depend on them. False where the file does not give it, or not in a form that can be read.
func AdminAddress(path string, lookup Lookup) (string, bool) {
	const key = "admin.address"
	data, err := read(path)
	if err != nil {
		return "", false
	}
	d, c := decode(path, data, lookup)
	if _, given := d.places[key]; c == nil || !given || d.bad[key] {
		return "", false
	}
	return c.Admin.Address, true
}

// decode reads a file into the defaults; without a tree there is no configuration.
func decode(name string, data []byte, lookup Lookup) (*decoder, *Config) {
	d := &decoder{file: name, lookup: lookup, places: map[string]place{}, bad: map[string]bool{}}
	root := parseTree(data, func(line, column int, format string, args ...any) {
		d.failAt(line, column, "", format, args...)
	})
	if root == nil {
		return d, nil
	}
	c := Default()
	schema(c).decode(d, root, "")
	return d, c
}
