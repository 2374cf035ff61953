package stack

import (
	"testing"
	"unsafe"
)

// TestGrow: a goroutine that has grown its stack does not move it any more when
// it goes deep; another one does.
func TestGrow(t *testing.T) {
	if !moved(func() {}) {
		t.Error("a new goroutine has a large stack anyway: this package is not needed")
	}
	if moved(grow) {
		t.Errorf("the stack moves when %d KiB of it are used", size>>10)
	}
}

// moved tells whether a new goroutine's stack moves after begin, when it goes as
// deep as size.
func moved(begin func()) bool {
	answer := make(chan bool)
	go func() {
		begin()
		var here byte
		before := uintptr(unsafe.Pointer(&here))
		half(true)
		answer <- uintptr(unsafe.Pointer(&here)) != before
	}()
	return <-answer
}

//go:noinline
func half(use bool) (sum byte) {
	var frame [size / 2]byte
	if use {
		half(false)
	}
	for i := range frame {
		sum += frame[i]
	}
	return sum
}
