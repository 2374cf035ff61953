package authority

// Coming is an authority that is being made, beside whatever else happens.
type Coming struct {
	authority *Authority
	err       error
	made      chan struct{}
}

// Begin begins to make one. It is nil where there is no name to sign for.
func Begin(names []string) *Coming {
	if len(names) == 0 {
		return nil
	}
	c := &Coming{made: make(chan struct{})}
	go func() {
		defer close(c.made)
		c.authority, c.err = New(names)
	}()
	return c
}

// Wait waits for it; a nil one has none.
func (c *Coming) Wait() (*Authority, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // no names, no authority
	}
	<-c.made
	return c.authority, c.err
}
