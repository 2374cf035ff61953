// Command picture turns a terminal's screen, as `tmux capture-pane -e -p`
// prints it, into an SVG for the README: text that can be selected, without
// scripts or outside references. session.sh beside it records the screen.
package main

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Sizes in SVG user units: one cell of the terminal, and the margin around all.
const (
	cellWidth  = 8.4
	cellHeight = 18
	margin     = 14
)

// colours are the eight of a terminal, then their bright forms.
var colours = []string{
	"#3b4252", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d8dee9",
	"#7f8899", "#ff7b86", "#b5e890", "#ffd78a", "#83c6ff", "#e39bf5", "#7fd9e5", "#ffffff",
}

// style is how text looks: SGR (ECMA-48, 8.3.117), as far as a screen of ours
// uses it.
type style struct {
	colour string
	bold   bool
}

// sgr is one "select graphic rendition" sequence.
var sgr = regexp.MustCompile("\x1b\\[([0-9;]*)m")

func main() {
	if err := draw(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

// draw reads a screen and writes its picture.
func draw(screen io.Reader, to io.Writer) error {
	var lines []string
	s := bufio.NewScanner(screen)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	if err := s.Err(); err != nil {
		return err
	}
	for len(lines) > 0 && strings.TrimSpace(sgr.ReplaceAllString(lines[len(lines)-1], "")) == "" {
		lines = lines[:len(lines)-1]
	}
	columns := 0
	for _, l := range lines {
		columns = max(columns, utf8.RuneCountInString(sgr.ReplaceAllString(l, "")))
	}
	width, height := float64(columns)*cellWidth+2*margin, float64(len(lines))*cellHeight+2*margin
	w := bufio.NewWriter(to)
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="A session of jailed-claude on a terminal">`+"\n", width, height, width, height)
	fmt.Fprintf(w, `<rect width="100%%" height="100%%" rx="8" fill="#22262e"/>`+"\n")
	fmt.Fprintf(w, `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="#d8dee9" xml:space="preserve">`+"\n")
	look := style{}
	for i, l := range lines {
		look = drawLine(w, l, margin+float64(i+1)*cellHeight-5, look)
	}
	fmt.Fprint(w, "</g>\n</svg>\n")
	return w.Flush()
}

// drawLine writes one line of text at a height, and returns the style that the
// next one begins with.
func drawLine(w io.Writer, line string, y float64, look style) style {
	column := 0
	put := func(text string) {
		if strings.TrimSpace(text) != "" {
			attributes := ""
			if look.colour != "" {
				attributes += fmt.Sprintf(` fill="%s"`, look.colour)
			}
			if look.bold {
				attributes += ` font-weight="bold"`
			}
			fmt.Fprintf(w, `<text x="%.1f" y="%.1f" textLength="%.1f"%s>`, margin+float64(column)*cellWidth, y, float64(utf8.RuneCountInString(text))*cellWidth, attributes)
			_ = xml.EscapeText(w, []byte(text)) // w is a buffer: its error comes with Flush
			fmt.Fprint(w, "</text>\n")
		}
		column += utf8.RuneCountInString(text)
	}
	for line != "" {
		at := sgr.FindStringSubmatchIndex(line)
		if at == nil {
			put(strings.TrimRight(line, " "))
			break
		}
		put(line[:at[0]])
		look = look.with(line[at[2]:at[3]])
		line = line[at[1]:]
	}
	return look
}

// with is the style after a sequence with these parameters.
func (s style) with(parameters string) style {
	codes := strings.Split(parameters, ";")
	for i := 0; i < len(codes); i++ {
		n, _ := strconv.Atoi(codes[i]) // an empty one is 0
		switch {
		case n == 0:
			s = style{}
		case n == 1:
			s.bold = true
		case n == 2:
			s.colour = colours[8]
		case n == 22:
			s.bold = false
		case n >= 30 && n <= 37:
			s.colour = colours[n-30]
		case n >= 90 && n <= 97:
			s.colour = colours[n-90+8]
		case n == 39:
			s.colour = ""
		case n == 38 && i+2 < len(codes) && codes[i+1] == "5":
			n, _ := strconv.Atoi(codes[i+2])
			s.colour = indexed(n)
			i += 2
		case n == 38 && i+4 < len(codes) && codes[i+1] == "2":
			s.colour = "rgb(" + strings.Join(codes[i+2:i+5], ",") + ")"
			i += 4
		}
	}
	return s
}

// indexed is one of xterm's 256 colours: 16 named ones, a cube of 6 by 6 by 6,
// and greys.
func indexed(n int) string {
	switch {
	case n < 16:
		return colours[max(n, 0)]
	case n < 232:
		level := func(v int) int {
			if v == 0 {
				return 0
			}
			return 55 + 40*v
		}
		n -= 16
		return fmt.Sprintf("rgb(%d,%d,%d)", level(n/36), level(n/6%6), level(n%6))
	default:
		return fmt.Sprintf("rgb(%[1]d,%[1]d,%[1]d)", 8+10*(n-232))
	}
}
