package fault

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Error is one thing that is wrong with one layer. Those who look for them
// return Errors.
type Error struct {
	// Layer is the Name of the layer.
	Layer string
	// Line and Column count from 1, in bytes; both are 0 where the layer did
	// not come from a file.
	Line, Column int
	// Key is "section.key", or as much of it as is known; empty for a fault
	// of the whole file.
	Key string
	// Problem says what is wrong and what to write instead. It never holds
	// the value of an environment variable.
	Problem string
}

// Error returns "layer:line:column: key: problem", without the parts that are
// not known.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Layer)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column))
	}
	b.WriteString(": ")
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// Errors are all the faults that were found, in the order of the layers and of
// the lines of a file. A user who mends all of them need not try again for
// each.
type Errors []*Error

// Error returns one line for each fault.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a single Error.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// Sorted orders the faults of one file by position.
func (es Errors) Sorted() Errors {
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Key, b.Key))
	})
	return es
}

// OrNil keeps an empty list from becoming a non-nil error.
func (es Errors) OrNil() error {
	if len(es) == 0 {
		return nil
	}
	return es
}

// Or is a choice in words: `"a"`, `"a" or "b"`, `"a", "b" or "c"`.
func Or(values []string) string {
	q := make([]string, len(values))
	for i, v := range values {
		q[i] = strconv.Quote(v)
	}
	if len(q) < 2 {
		return strings.Join(q, "")
	}
	return strings.Join(q[:len(q)-1], ", ") + " or " + q[len(q)-1]
}
