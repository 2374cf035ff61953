package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// BenchmarkFilter is the filter alone, in the pieces that a relay reads.
func BenchmarkFilter(b *testing.B) {
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
		{"lines", strings.Repeat("x\r\n", 20000)},
		{"utf8", strings.Repeat("\u2500\u2500\u2502 gr\u00fc\u00df \u2733 \u4f60\u597d ", 3000)},
		{"colour", colour.String()},
		{"claude", strings.Repeat(string(session), 4)},
		{"dropped", "\x1b]52;c;" + strings.Repeat("QUJD", 16000)},
	} {
		for _, size := range []int{4096, 64 << 10} {
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				f := NewFilter(io.Discard, Options{})
				data := []byte(c.data)
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					for at := 0; at < len(data); at += size {
						if _, err := f.Write(data[at:min(at+size, len(data))]); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}
