// Package lazyre has regular expressions that are compiled when they are first
// used. Every process of a start would pay for each that package variables hold
// otherwise, and uses hardly any.
//
// What does not belong here: expressions.
package lazyre

import (
	"regexp"
	"sync"
)

// Regexp is a regular expression. It needs no code before main: the compiler
// lays out a package variable of this type.
type Regexp struct {
	// Text is in the syntax of package regexp.
	Text string
	once sync.Once
	re   *regexp.Regexp
}

// Get compiles the expression, the first time, and panics if it cannot be.
func (r *Regexp) Get() *regexp.Regexp {
	r.once.Do(func() { r.re = regexp.MustCompile(r.Text) })
	return r.re
}
