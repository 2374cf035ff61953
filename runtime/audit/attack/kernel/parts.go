package kernel

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// Part is a process that attacks of this package start, by its name; nil if there is
// none.
func Part(name string) func(argument string, out io.Writer) error {
	switch name {
	case "linger":
		return linger
	case "memory":
		return useMemory
	case "flood":
		return flood
	case "status":
		return printStatus
	}
	return nil
}

// linger wants to outlive the jail. The arguments tell it from others.
func linger(string, io.Writer) error {
	signal.Ignore(unix.SIGHUP, unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGPIPE, unix.SIGUSR1)
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		_ = f.Close()
	}
	time.Sleep(2 * time.Minute)
	return nil
}

// useMemory takes as many bytes as the argument says.
func useMemory(argument string, _ io.Writer) error {
	n, err := strconv.ParseInt(argument, 10, 64)
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	var all [][]byte
	for ; n > 0; n -= 1 << 20 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += os.Getpagesize() {
			b[i] = 1
		}
		all = append(all, b)
	}
	attack.Keep(&all)
	return nil
}

// flood writes one long line to standard error.
func flood(string, io.Writer) error {
	b := make([]byte, 64<<10)
	for i := range b {
		b[i] = 'x'
	}
	for n := 0; n < floodSize; n += len(b) {
		if _, err := os.Stderr.Write(b); err != nil {
			return fmt.Errorf("flood: %w", err)
		}
	}
	return nil
}

// printStatus shows what the kernel says of a program that was just executed.
func printStatus(_ string, out io.Writer) error {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}
