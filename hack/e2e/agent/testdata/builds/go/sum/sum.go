// Package sum adds in C.
package sum

// static int sum(int a, int b) { return a + b; }
import "C"

// Sum is a + b.
func Sum(a, b int) int { return int(C.sum(C.int(a), C.int(b))) }
