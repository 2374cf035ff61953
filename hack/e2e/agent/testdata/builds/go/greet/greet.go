// Package greet makes greetings.
package greet

import (
	_ "embed"
	"strings"
)

//go:embed greeting
var greeting string

// Greet greets.
func Greet(name string) string { return strings.TrimSpace(greeting) + ", " + name }
