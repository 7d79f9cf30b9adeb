package aggregate

import "errors"

// Validate returns all that is wrong with the check and can be known without a connection.
func (c Check) Validate() error {
	_, err := newPlan(c)
	return err
}

// Validate returns what is wrong with the query, and can be known without a connection.
func (l Lag) Validate() error {
	switch {
	case l.SQL == "":
		return nil
	case l.Max <= 0:
		return errors.New("max: must be above 0")
	}
	return readsOnly(l.SQL)
}
