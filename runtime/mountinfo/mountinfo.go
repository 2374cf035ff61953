package mountinfo

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Table holds the options of mounts as mountinfo(5) has them, by their
// places. Of mounts on one place the topmost counts. Where what is mounted comes
// from, or goes to, other namespaces they are empty.
type Table map[string]string

// Has reports whether there is a mount with an option on a place.
func (t Table) Has(place, option string) bool {
	for o := range strings.SplitSeq(t[place], ",") {
		if o == option {
			return true
		}
	}
	return false
}

// Read reads a file as mountinfo(5) describes it, of about most lines. The kernel
// takes microseconds to write one, so it is read once and cut up in place.
func Read(file string, most int) (Table, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var text strings.Builder
	text.Grow(256 * most)
	if _, err := io.Copy(&text, f); err != nil {
		return nil, err
	}
	t := make(Table, 2*most)
	for line := range strings.Lines(text.String()) {
		// ID, parent, device, root, place, options, and from here on optional
		// fields until a "-". Each says that what is mounted there comes from,
		// or goes to, others.
		var place, options string
		for i := range 6 {
			field, rest, ok := strings.Cut(line, " ")
			if !ok {
				return nil, fmt.Errorf("%s: a line of fewer than 7 fields", file)
			}
			switch i {
			case 4:
				place = field
			case 5:
				options = field
			}
			line = rest
		}
		if !strings.HasPrefix(line, "- ") {
			options = ""
		}
		t[unescape(place)] = options
	}
	return t, nil
}

// Super is the type of the file system that is topmost at a place, and the
// options of its superblock.
func Super(file, place string) (kind, options string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(text)) {
		head, tail, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		if fields := strings.Fields(head); len(fields) > 4 && unescape(fields[4]) == place {
			if super := strings.Fields(tail); len(super) > 2 {
				kind, options = super[0], super[2]
			}
		}
	}
	return kind, options, nil
}

// unescape undoes the octal escapes of mountinfo(5): space, tab, line feed,
// backslash and number sign.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
