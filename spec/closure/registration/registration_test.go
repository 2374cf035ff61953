package registration

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

const (
	hash  = "0123456789abcdfghijklmnpqrsvwxyz"
	pathA = storepath.Dir + "/" + hash + "-a"
	pathB = storepath.Dir + "/1" + "123456789abcdfghijklmnpqrsvwxyz" + "-b"
	// The spellings of one hash that Nix has used.
	hash16 = "989f2e03d2907e1708dc87799bf4cd69a7ef0a0521e3c65c35c3df78261e5848"
	hash32 = "sha256:0i28bq72yg2v6jl8y4i25c2kinvfg0ynz1v7wv08w27p3zy1sjkb"
	hash64 = "sha256-QY3qYGkL4JD4Qzn/qCUqCM/lBXHfz/G7+FYUbn5gZyY="
)

func TestParseFile(t *testing.T) {
	both := []string{pathA, pathB}
	for name, tt := range map[string]struct {
		in   string
		want []string
	}{
		"list":                  {pathA + "\n" + pathB + "\n", both},
		"list, no last newline": {pathA + "\n" + pathB, both},
		"list, one":             {pathA, []string{pathA}},
		"list, unsorted, twice": {pathB + "\n" + pathA + "\n" + pathB + "\n", both},
		"list, empty lines":     {pathA + "\n\n" + pathB + "\n\n", both},
		"closureInfo":           {pathB + "\n" + hash32 + "\n10\n\n1\n" + pathA + "\n" + pathA + "\n" + hash32 + "\n20\n\n0\n", both},
		"dump-db":               {pathA + "\n" + hash16 + "\n10\n" + pathB + "\n1\n" + pathA + "\n", []string{pathA}},
		"sri":                   {pathA + "\n" + hash64 + "\n10\n\n0\n", []string{pathA}},
		"prefixed base 16":      {pathA + "\nsha256:" + hash16 + "\n10\n\n0\n", []string{pathA}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseFile([]byte(tt.in))
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestParseFileHostile(t *testing.T) {
	const good = pathA + "\n" + hash32 + "\n10\n\n1\n" + pathA + "\n"
	if _, err := ParseFile([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		in   string
		line int
	}{
		"empty":                    {"", 1},
		"only newlines":            {"\n\n", 1},
		"list: traversal":          {pathA + "\n" + storepath.Dir + "/../etc\n", 2},
		"list: relative":           {pathA + "\n" + hash + "-a\n", 2},
		"list: host path":          {pathA + "\n\n/etc\n", 3},
		"list: the store":          {storepath.Dir + "\n", 1},
		"list: CRLF":               {pathA + "\r\n" + pathB + "\r\n", 1},
		"list: NUL":                {pathA + "\x00\n", 1},
		"list: not UTF-8":          {pathA + "\n" + pathB + "\xff\n", 2},
		"list: spaces":             {pathA + "\n " + pathB + "\n", 2},
		"list: two on a line":      {pathA + " " + pathB + "\n", 1},
		"list: NEL":                {pathA + "\u0085" + pathB + "\n", 1},
		"list: a registration in":  {pathA + "\n" + pathB + "\n" + hash32 + "\n10\n\n0\n", 3},
		"reg: bad path":            {"/etc\n" + hash32 + "\n10\n\n0\n", 1},
		"reg: size":                {strings.Replace(good, "\n10\n", "\n-1\n", 1), 3},
		"reg: size, leading zero":  {strings.Replace(good, "\n10\n", "\n010\n", 1), 3},
		"reg: size too big":        {strings.Replace(good, "\n10\n", "\n18446744073709551616\n", 1), 3},
		"reg: deriver":             {strings.Replace(good, "\n\n1\n", "\n/tmp/x.drv\n1\n", 1), 4},
		"reg: count":               {strings.Replace(good, "\n\n1\n", "\n\nmany\n", 1), 5},
		"reg: count too high":      {strings.Replace(good, "\n\n1\n", "\n\n2\n", 1), 5},
		"reg: count huge":          {strings.Replace(good, "\n\n1\n", "\n\n18446744073709551615\n", 1), 5},
		"reg: count too low":       {strings.Replace(good, "\n\n1\n", "\n\n0\n", 1), 6},
		"reg: reference":           {strings.Replace(good, "\n\n1\n"+pathA, "\n\n1\n"+storepath.Dir+"/../etc", 1), 6},
		"reg: hole in the closure": {strings.Replace(good, "\n\n1\n"+pathA, "\n\n1\n"+pathB, 1), 6},
		"reg: cut in a line":       {strings.TrimSuffix(good, "\n"), 6},
		"reg: cut between":         {good + pathB + "\n" + hash32 + "\n", 8},
		"reg: empty line in front": {"\n" + good, 3},
		"reg: empty line at end":   {good + "\n", 7},
		"reg: second hash":         {good + pathB + "\nsha1:x\n10\n\n0\n", 8},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseFile([]byte(tt.in))
			var pe *ParseError
			if !errors.As(err, &pe) {
				t.Fatalf("got %q, %v; want a *ParseError", got, err)
			}
			if pe.Line != tt.line {
				t.Errorf("%v; want line %d", err, tt.line)
			}
			if strings.ContainsAny(err.Error(), "\n\x00") || !utf8.ValidString(err.Error()) {
				t.Errorf("the error forges lines: %q", err)
			}
		})
	}
}

func FuzzParseList(f *testing.F) {
	f.Add([]byte(pathA + "\n" + pathB + "\n"))
	f.Add([]byte("\n" + storepath.Dir + "/../etc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		paths, err := ParseList(data)
		if err != nil {
			return
		}
		for _, p := range paths {
			if err := storepath.Check(p); err != nil {
				t.Fatal(err)
			}
		}
		again, err := ParseList(RenderList(paths))
		if err != nil || !slices.Equal(paths, again) {
			t.Fatalf("%q became %q, %v", paths, again, err)
		}
	})
}

func FuzzParseRegistration(f *testing.F) {
	f.Add([]byte(pathA + "\n" + hash32 + "\n10\n\n0\n"))
	f.Add([]byte(pathA + "\n" + hash16 + "\n10\n" + pathB + "\n2\n" + pathA + "\n" + pathB + "\n"))
	f.Add([]byte(pathA + "\n" + hash64 + "\n10\n\n1\n" + pathA + "\n" + pathB + "\n" + hash32 + "\n0\n\n0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// ParseFile tells the formats apart; it must not panic on either.
		_, _ = ParseFile(data)
		regs, err := ParseRegistration(data)
		if err != nil {
			return
		}
		again, err := ParseRegistration(renderRegistration(regs))
		if err != nil || !reflect.DeepEqual(regs, again) {
			t.Fatalf("%v became %v, %v", regs, again, err)
		}
		// The format has one spelling only.
		if got := renderRegistration(regs); string(got) != string(data) {
			t.Fatalf("%q was rendered as %q", data, got)
		}
	})
}

// renderRegistration writes what ParseRegistration and nix-store --load-db
// read.
func renderRegistration(regs []Registration) []byte {
	var b bytes.Buffer
	for _, r := range regs {
		fmt.Fprintf(&b, "%s\n%s\n%d\n%s\n%d\n", r.Path, r.NarHash, r.NarSize, r.Deriver, len(r.References))
		for _, ref := range r.References {
			b.WriteString(ref)
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}
