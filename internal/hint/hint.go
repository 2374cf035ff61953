package hint

// Error is an error and what to do about it.
type Error struct {
	Err error
	// Lines are shown below the error, in this order.
	Lines []string
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the error without the advice.
func (e *Error) Unwrap() error { return e.Err }

// Add attaches lines of advice to an error.
func Add(err error, lines ...string) error { return &Error{Err: err, Lines: lines} }
