package gitfront

import (
	"slices"
	"strings"
)

// line is a command line, as git reads it.
type line struct {
	options map[string]string
	// rest are the arguments before "--", and paths those after it; dashes: there
	// was one.
	rest, paths []string
	dashes      bool
}

// read reads a command line. short are the letters that have a value, and long the
// names of options whose value may be the next argument.
func read(args []string, short string, long ...string) line {
	l := line{options: map[string]string{}}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		following := func() string {
			if i+1 < len(args) {
				i++
				return args[i]
			}
			return ""
		}
		switch {
		case arg == "--":
			l.dashes, l.paths = true, args[i+1:]
			return l
		case strings.HasPrefix(arg, "--"):
			name, value, given := strings.Cut(arg[2:], "=")
			if !given && slices.Contains(long, name) {
				value = following()
			}
			l.options[name] = value
		case len(arg) > 1 && arg[0] == '-':
			for j, letter := range arg[1:] {
				value := ""
				if strings.ContainsRune(short, letter) {
					if value = arg[j+2:]; value == "" {
						value = following()
					}
				}
				l.options[string(letter)] = value
				if strings.ContainsRune(short, letter) {
					break
				}
			}
		default:
			l.rest = append(l.rest, arg)
		}
	}
	return l
}

// has: one of the options is there.
func (l line) has(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := l.options[n]; return ok })
}

// value is that of the first option that is there.
func (l line) value(names ...string) string {
	for _, n := range names {
		if v, ok := l.options[n]; ok {
			return v
		}
	}
	return ""
}

// at is an argument, or what stands for it.
func (l line) at(i int, otherwise string) string {
	if i < len(l.rest) {
		return l.rest[i]
	}
	return otherwise
}
