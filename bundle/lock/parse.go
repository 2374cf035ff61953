package lock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/internal/digest"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

// maxSize is far above any real lock: 1000 paths are 200 kB.
const maxSize = 16 << 20

// Parse reads a lock file, strictly: every key must be known, there once and
// valid, and lists in their order. White space is free, for formatters exist.
// Errors are *ParseError.
func Parse(data []byte) (*Lock, error) {
	if len(data) > maxSize {
		return nil, &ParseError{Line: 1, Problem: fmt.Sprintf("a lock of %d bytes is not read: the limit is %d", len(data), maxSize)}
	}
	if !utf8.Valid(data) {
		i := 0
		for i < len(data) {
			r, n := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			i += n
		}
		return nil, &ParseError{Line: lineAt(data, i), Problem: "there are bytes that are not UTF-8"}
	}
	if err := syntax(data); err != nil {
		return nil, err
	}
	// A later format has other keys: it should not be told about those.
	var any struct {
		Version json.Number `json:"version"`
		Tool    string      `json:"tool"`
	}
	if json.Unmarshal(data, &any) == nil && any.Version != "" {
		if n, err := strconv.ParseUint(string(any.Version), 10, 64); err == nil && n > Version {
			wants := ""
			if rangeOK(any.Tool) {
				wants = " (it wants " + any.Tool + ")"
			}
			return nil, &ParseError{
				Line: 1, Newer: true,
				Problem: fmt.Sprintf("it is of format %d, and this jailed-claude reads %d%s", n, Version, wants),
			}
		}
	}
	r := &reader{json.NewDecoder(bytes.NewReader(data))}
	r.d.UseNumber()
	l, err := r.lock()
	if err != nil {
		return nil, &ParseError{Line: lineAt(data, int(r.d.InputOffset())), Problem: err.Error()}
	}
	return l, nil
}

// syntax is what is wrong with data as one JSON value.
func syntax(data []byte) error {
	var v json.RawMessage
	err := json.Unmarshal(data, &v)
	if err == nil {
		return nil
	}
	at := int64(len(data))
	if e := (*json.SyntaxError)(nil); errors.As(err, &e) {
		at = e.Offset
	}
	if at >= int64(len(bytes.TrimRight(data, " \t\r\n"))) && strings.Contains(err.Error(), "unexpected end") {
		return &ParseError{Line: lineAt(bytes.TrimRight(data, "\n"), int(at)), Problem: "the file ends too early: it was cut off"}
	}
	return &ParseError{Line: lineAt(data, int(at)), Problem: "this is not JSON: " + show.Escape(err.Error())}
}

func lineAt(data []byte, offset int) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), len(data))], []byte("\n"))
}

// reader reads what is known to be JSON.
type reader struct{ d *json.Decoder }

func (r *reader) lock() (*Lock, error) {
	l := new(Lock)
	err := r.object("the lock", map[string]func() error{
		"version": func() error {
			n, err := r.number()
			if err == nil && n != Version {
				err = fmt.Errorf("version %d is not known: write %d", n, Version)
			}
			return err
		},
		"tool":   r.text(&l.Tool, checkRange),
		"system": r.text(&l.System, checkSystem),
		"policy": r.text(&l.Policy, checkDigest),
		"spec":   r.text(&l.Spec, checkDigest),
		"agent": func() error {
			return r.object("agent", map[string]func() error{
				"package": r.text(&l.Agent.Package, checkRequest),
				"program": r.text(&l.Agent.Program, checkProgram),
				"paths":   r.list(func() error { return r.storePath(&l.Agent.Paths) }),
			})
		},
		"packages": r.list(func() error {
			var p Package
			err := r.object("a package", map[string]func() error{
				"package": r.text(&p.Package, checkRequest),
				"paths":   r.list(func() error { return r.storePath(&p.Paths) }),
			})
			if err == nil {
				err = checkPackage(l, p)
			}
			l.Packages = append(l.Packages, p)
			return err
		}),
		"closure": r.list(func() error {
			var p Path
			err := r.object("a path", map[string]func() error{
				"path":    r.text(&p.Path, storepath.Check),
				"narHash": r.text(&p.NarHash, checkHash),
				"narSize": func() (err error) { p.NarSize, err = r.number(); return err },
			})
			if err == nil {
				err = checkOrder(l.Paths, p)
			}
			l.Paths = append(l.Paths, p)
			return err
		}),
		layersKey: r.list(func() error {
			var y Layer
			err := r.object("a layer", map[string]func() error{
				"layer":  r.text(&y.What, checkRequest),
				"diffId": r.text(&y.DiffID, checkDigest),
			})
			if err == nil && slices.ContainsFunc(l.Layers, func(o Layer) bool { return o.What == y.What }) {
				err = fmt.Errorf("%q is there twice", y.What)
			}
			l.Layers = append(l.Layers, y)
			return err
		}),
	})
	if err == nil {
		err = l.check()
	}
	return l, err
}

// layersKey is the one key that a lock may go without.
const layersKey = "layers"

// object reads an object that has exactly these keys.
func (r *reader) object(what string, keys map[string]func() error) error {
	if err := r.delim('{', what+" is not an object"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for r.d.More() {
		t, err := r.d.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		read := keys[key]
		switch {
		case !ok:
			return fmt.Errorf("%s has something that is not a key", what)
		case read == nil:
			return fmt.Errorf("unknown key %q in %s: %s", key, what, known(key, keys))
		case seen[key]:
			return fmt.Errorf("%q is there twice in %s", key, what)
		}
		seen[key] = true
		if err := read(); err != nil {
			if located := (*keyError)(nil); errors.As(err, &located) {
				return err
			}
			return &keyError{key, err}
		}
	}
	if _, err := r.d.Token(); err != nil { // "}"
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !seen[key] && key != layersKey {
			return fmt.Errorf("%s has no %q", what, key)
		}
	}
	return nil
}

// keyError names the innermost key of what is wrong.
type keyError struct {
	key string
	err error
}

func (e *keyError) Error() string { return e.key + ": " + e.err.Error() }

func (e *keyError) Unwrap() error { return e.err }

// known names the key that was probably meant, or all of them.
func known(key string, keys map[string]func() error) string {
	for k := range keys {
		if strings.EqualFold(k, key) {
			return fmt.Sprintf("write %q", k)
		}
	}
	return "known are " + strings.Join(slices.Sorted(maps.Keys(keys)), ", ")
}

func (r *reader) delim(want json.Delim, problem string) error {
	t, err := r.d.Token()
	if err != nil {
		return err
	}
	if t != want {
		return errors.New(problem)
	}
	return nil
}

func (r *reader) list(element func() error) func() error {
	return func() error {
		if err := r.delim('[', "it is not a list"); err != nil {
			return err
		}
		for r.d.More() {
			if err := element(); err != nil {
				return err
			}
		}
		_, err := r.d.Token() // "]"
		return err
	}
}

func (r *reader) text(to *string, check func(string) error) func() error {
	return func() error {
		t, err := r.d.Token()
		if err != nil {
			return err
		}
		s, ok := t.(string)
		if !ok {
			return errors.New("it is not a string")
		}
		*to = s
		return check(s)
	}
}

// number reads a whole number that is not negative, written in the plain way.
func (r *reader) number() (int64, error) {
	t, err := r.d.Token()
	if err != nil {
		return 0, err
	}
	text, ok := t.(json.Number)
	if !ok {
		return 0, errors.New("it is not a number")
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != string(text) {
		return 0, fmt.Errorf("%.40s is not a whole number in range", text)
	}
	return n, nil
}

func (r *reader) storePath(to *[]string) error {
	var p string
	if err := r.text(&p, storepath.Check)(); err != nil {
		return err
	}
	if slices.Contains(*to, p) {
		return fmt.Errorf("%q is there twice", p)
	}
	*to = append(*to, p)
	return nil
}

func checkDigest(s string) error {
	if !digest.Is(s) {
		return fmt.Errorf("%.100q is not of the form sha256:HEX", s)
	}
	return nil
}

// checkSystem: ARCH-OS, as Nix has it.
func checkSystem(s string) error {
	arch, os, ok := strings.Cut(s, "-")
	if !ok || arch == "" || os == "" || len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return fmt.Errorf("%.100q is not a system such as x86_64-linux", s)
	}
	return nil
}

// checkRequest is for what a policy calls a package: any words, but fit to be
// shown.
func checkRequest(s string) error {
	const most = 4096
	if len(s) > most || strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' }) {
		return fmt.Errorf("%.100q is too long for a package or has control characters in it", s)
	}
	return nil
}

func checkProgram(s string) error {
	if s == "" {
		return nil
	}
	root, rest, err := storepath.Split(s)
	if err != nil {
		return err
	}
	if strings.TrimSuffix(root+"/"+rest, "/") != s {
		return fmt.Errorf("%q ends with a slash", s)
	}
	return checkRequest(s)
}

func checkPackage(l *Lock, p Package) error {
	switch {
	case p.Package == "":
		return errors.New("package: it is empty")
	case len(p.Paths) == 0:
		return fmt.Errorf("package %q has no path", p.Package)
	case slices.ContainsFunc(l.Packages, func(q Package) bool { return q.Package == p.Package }):
		return fmt.Errorf("package %q is there twice", p.Package)
	}
	return nil
}

func checkOrder(before []Path, p Path) error {
	if len(before) == 0 {
		return nil
	}
	last := before[len(before)-1].Path
	switch c := ComparePaths(last, p.Path); {
	case c == 0:
		return fmt.Errorf("%q is there twice", p.Path)
	case c > 0:
		return fmt.Errorf("%q is out of order: it belongs before %q", p.Path, last)
	}
	return nil
}

// check is what can only be said of the whole.
func (l *Lock) check() error {
	if len(l.Paths) == 0 {
		return errors.New("closure: there is no store path")
	}
	have := make(map[string]bool, len(l.Paths))
	for _, p := range l.Paths {
		have[p.Path] = true
	}
	for _, root := range l.Roots() {
		if !have[root] {
			return fmt.Errorf("closure: %q is not in it", root)
		}
	}
	if (l.Agent.Program == "") != (len(l.Agent.Paths) == 0) {
		return errors.New("agent: a program needs paths, and paths a program")
	}
	if l.Agent.Program != "" {
		if root, _, err := storepath.Split(l.Agent.Program); err != nil || !slices.Contains(l.Agent.Paths, root) {
			return fmt.Errorf("agent: the program %q is in none of its paths", l.Agent.Program)
		}
	}
	return nil
}
