package registration

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

// Registration is one store path as Nix registers it: an entry of the file
// that closureInfo calls "registration", which nix-store --load-db reads.
type Registration struct {
	Path string
	// NarHash is as it was written: "sha256:BASE32", "sha256-BASE64" or bare
	// base 16.
	NarHash string
	NarSize uint64
	// Deriver is a store path, or empty.
	Deriver string
	// References are store paths, perhaps Path itself among them.
	References []string
}

// ParseError is a line of a closure file that is not what it should be.
type ParseError struct {
	// Line counts from 1.
	Line int
	Err  error
}

func (e *ParseError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *ParseError) Unwrap() error { return e.Err }

// ParseFile reads a closure file of either format: one store path a line, or
// a registration. A registration shows by its second line, which is a hash.
// The answer is sorted and has no doubles. Errors are *ParseError.
//
// The references of a registration must all be in it: a closure with a hole
// would start, and break later.
func ParseFile(data []byte) ([]string, error) {
	_, rest, _ := bytes.Cut(data, []byte("\n"))
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	if checkHash(string(second)) != nil {
		paths, err := ParseList(data)
		if err != nil {
			return nil, err
		}
		slices.Sort(paths)
		return slices.Compact(paths), nil
	}
	regs, err := ParseRegistration(data)
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(regs))
	for i, r := range regs {
		paths[i] = r.Path
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	line := 1
	for _, r := range regs {
		for i, ref := range r.References {
			if _, ok := slices.BinarySearch(paths, ref); !ok {
				return nil, &ParseError{line + 5 + i, fmt.Errorf("reference %q has no entry of its own: the closure is not complete", ref)}
			}
		}
		line += 5 + len(r.References)
	}
	return paths, nil
}

// ParseList reads store paths, one a line, in the order of the lines. Empty
// lines are skipped. Errors are *ParseError.
func ParseList(data []byte) ([]string, error) {
	var paths []string
	for i, l := range strings.Split(string(data), "\n") {
		if l == "" {
			continue
		}
		if err := storepath.Check(l); err != nil {
			return nil, &ParseError{i + 1, err}
		}
		paths = append(paths, l)
	}
	if len(paths) == 0 {
		return nil, &ParseError{1, errors.New("there is no store path")}
	}
	return paths, nil
}

// RenderList writes what ParseList reads.
func RenderList(paths []string) []byte {
	var b bytes.Buffer
	for _, p := range paths {
		b.WriteString(p)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// ParseRegistration reads the registration format: for each path its lines
// path, NAR hash, NAR size, deriver (perhaps empty), number of references,
// and each reference. Errors are *ParseError.
func ParseRegistration(data []byte) ([]Registration, error) {
	if len(data) == 0 {
		return nil, &ParseError{1, errors.New("there is no store path")}
	}
	if data[len(data)-1] != '\n' {
		return nil, &ParseError{1 + bytes.Count(data, []byte("\n")), errors.New("the last line has no end: the file was cut off")}
	}
	in := registrationReader{lines: strings.Split(string(data[:len(data)-1]), "\n")}
	var regs []Registration
	for in.at < len(in.lines) {
		r, err := in.entry()
		if err != nil {
			return nil, &ParseError{in.at, err}
		}
		regs = append(regs, r)
	}
	return regs, nil
}

type registrationReader struct {
	lines []string
	// at counts the lines that were read: the number of the last one.
	at int
}

func (in *registrationReader) line() (string, error) {
	if in.at == len(in.lines) {
		return "", errors.New("the entry ends too early: the file was cut off")
	}
	in.at++
	return in.lines[in.at-1], nil
}

func (in *registrationReader) path() (string, error) {
	l, err := in.line()
	if err != nil {
		return "", err
	}
	return l, storepath.Check(l)
}

func (in *registrationReader) number() (uint64, error) {
	l, err := in.line()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(l, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != l {
		return 0, fmt.Errorf("%q is not a number", l)
	}
	return n, nil
}

func (in *registrationReader) entry() (r Registration, err error) {
	if r.Path, err = in.path(); err != nil {
		return r, err
	}
	if r.NarHash, err = in.line(); err != nil {
		return r, err
	}
	if err := checkHash(r.NarHash); err != nil {
		return r, err
	}
	if r.NarSize, err = in.number(); err != nil {
		return r, fmt.Errorf("size of the NAR: %w", err)
	}
	if r.Deriver, err = in.line(); err != nil {
		return r, err
	}
	if r.Deriver != "" {
		if err := storepath.Check(r.Deriver); err != nil {
			return r, fmt.Errorf("deriver: %w", err)
		}
	}
	n, err := in.number()
	if err != nil {
		return r, fmt.Errorf("number of references: %w", err)
	}
	if n > uint64(len(in.lines)-in.at) {
		return r, fmt.Errorf("%d references are announced, and fewer lines are left", n)
	}
	for range n {
		ref, err := in.path()
		if err != nil {
			return r, fmt.Errorf("reference: %w", err)
		}
		r.References = append(r.References, ref)
	}
	return r, nil
}

// checkHash tells whether s can be a NAR hash. It knows the algorithm that
// store paths are registered with, and the length of each spelling.
func checkHash(s string) error {
	var digits string
	alphabet := "0123456789abcdef"
	switch {
	case strings.HasPrefix(s, "sha256-"):
		digits = s[len("sha256-"):]
		if len(digits) != 44 || digits[43] != '=' {
			return fmt.Errorf("%q is not a NAR hash", s)
		}
		digits = digits[:43]
		alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	case strings.HasPrefix(s, "sha256:") && len(s) == len("sha256:")+52:
		digits = s[len("sha256:"):]
		alphabet = "0123456789abcdfghijklmnpqrsvwxyz"
	default:
		digits = strings.TrimPrefix(s, "sha256:")
		if len(digits) != 64 {
			return fmt.Errorf("%q is not a NAR hash", s)
		}
	}
	for i := 0; i < len(digits); i++ {
		if strings.IndexByte(alphabet, digits[i]) < 0 {
			return fmt.Errorf("%q is not a NAR hash", s)
		}
	}
	return nil
}
