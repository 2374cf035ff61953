package pty

import (
	"errors"
	"io"
	"os"
	"testing"
)

// TestInput: what comes before the end is read, and what comes later is left for
// others, even if it was there when somebody read.
func TestInput(t *testing.T) {
	terminal, user, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	defer user.Close()
	in, err := NewInput(terminal)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	types := func(text string) {
		t.Helper()
		if _, err := user.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	types("before")
	if n, err := in.Read(buf); string(buf[:n]) != "before" || err != nil {
		t.Errorf("%q, %v", buf[:n], err)
	}
	ended := make(chan error)
	go func() {
		_, err := in.Read(make([]byte, 16))
		ended <- err
	}()
	in.End()
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("who reads is left waiting: %v", err)
	}
	types("after")
	if n, err := in.Read(buf); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if n, err := terminal.Read(buf); string(buf[:n]) != "after" || err != nil {
		t.Errorf("%q, %v", buf[:n], err)
	}
}
