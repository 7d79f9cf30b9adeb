package aggregate

// Validate returns all that is wrong with the check and can be known without a connection.
func (c Check) Validate() error {
	_, err := newPlan(c)
	return err
}
