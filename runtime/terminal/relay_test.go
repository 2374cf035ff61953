package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pseudoTerminal returns both ends of one, raw.
func pseudoTerminal(b *testing.B) (master, slave *os.File) {
	b.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		b.Skipf("no pseudo-terminals: %v", err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		b.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		b.Fatal(err)
	}
	if slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		b.Fatal(err)
	}
	t, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		b.Fatal(err)
	}
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ICANON
	if err := unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, t); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = master.Close(), slave.Close() })
	return master, slave
}

// BenchmarkRelay is what a jail's output goes through: a program writes to one
// terminal, what it shows is written to another, whose emulator reads it. With
// the filter in between, and without.
func BenchmarkRelay(b *testing.B) {
	session, err := os.ReadFile("testdata/claude-xterm.raw")
	if err != nil {
		b.Fatal(err)
	}
	var colour strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&colour, "\x1b[38;5;%dmword%d\x1b[0m ", i%256, i)
	}
	for _, c := range []struct{ name, data string }{
		{"text", strings.Repeat("The quick brown fox jumps over the lazy dog, and then again.\r\n", 1000)},
		{"colour", colour.String()},
		// Without the clipboard, so that the same bytes arrive.
		{"claude", strings.Repeat(filtered(b, Options{}, string(session)), 4)},
	} {
		for _, with := range []bool{false, true} {
			name := c.name + "/plain"
			if with {
				name = c.name + "/filter"
			}
			b.Run(name, func(b *testing.B) {
				innerMaster, innerSlave := pseudoTerminal(b)
				outerMaster, outerSlave := pseudoTerminal(b)
				var to io.Writer = outerSlave
				if with {
					to = NewFilter(outerSlave, Options{})
				}
				go func() {
					buf := make([]byte, 64<<10)
					for {
						n, err := innerMaster.Read(buf)
						if err != nil {
							return
						}
						if _, err := to.Write(buf[:n]); err != nil {
							return
						}
					}
				}()
				b.SetBytes(int64(len(c.data)))
				buf := make([]byte, 64<<10)
				for b.Loop() {
					go func() { _, _ = io.WriteString(innerSlave, c.data) }()
					for got := 0; got < len(c.data); {
						n, err := outerMaster.Read(buf)
						if err != nil {
							b.Fatal(err)
						}
						got += n
					}
				}
			})
		}
	}
}
