package policy

import "github.com/jailed-claude/jailed-claude/spec/policy/fault"

// What is wrong with layers.
type (
	// Error is one thing. Parse and Merge return them as Errors.
	Error = fault.Error
	// Errors are all of them, in order.
	Errors = fault.Errors
)

// report collects the faults of one layer.
type report struct {
	layer  *Layer
	faults Errors
}

// fault notes a fault of key. at are the places to point at, best first.
func (r *report) fault(key, problem string, at ...string) {
	line, column := r.layer.pos.Of(at...)
	r.faults = append(r.faults, &Error{Layer: r.layer.Name, Line: line, Column: column, Key: key, Problem: problem})
}
