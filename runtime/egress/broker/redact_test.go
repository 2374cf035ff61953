package broker

import (
	"bytes"
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	for _, n := range []int{8, 10, 12, 40} {
		if m := mask(n); len(m) != n {
			t.Errorf("%d: %q", n, m)
		}
	}
}

// split cuts text at the places in cuts.
func split(text []byte, cuts []byte) (parts [][]byte) {
	for _, c := range cuts {
		n := min(int(c), len(text))
		parts, text = append(parts, text[:n]), text[n:]
	}
	return append(parts, text)
}

// fed is what a redactor passes on.
func fed(r *redactor, p []byte) []byte {
	before, now := r.feed(p)
	return append(bytes.Clone(before), now...)
}

// TestBorders: a secret is found wherever what comes is cut, in two or three, however
// much is around it, and all other bytes stay as they are.
func TestBorders(t *testing.T) {
	const secret = "sk-abab-sk-aba"
	other := strings.Repeat("sk-ab-", 10)
	for _, around := range []int{0, 1, 5, len(secret) - 1, len(secret), 60} {
		text := other[:around] + secret + other[60-around:]
		want := other[:around] + mask(len(secret)) + other[60-around:]
		for i := range len(text) + 1 {
			for j := i; j <= len(text); j++ {
				r := newRedactor([]string{"another", secret})
				var got []byte
				for _, p := range []string{text[:i], text[i:j], text[j:]} {
					got = append(got, fed(r, []byte(p))...)
				}
				if got = append(got, r.rest()...); string(got) != want {
					t.Fatalf("cut at %d and %d: %q, not %q", i, j, got, want)
				}
			}
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add([]byte("xxaabaabaacxx"), []byte{1, 3, 4})
	f.Add([]byte("aabaabaabaac"), []byte{5, 1, 1})
	f.Add([]byte("event: x\n\n"), []byte{2})
	f.Fuzz(func(t *testing.T, text, cuts []byte) {
		secrets := []string{"aabaabaac", "aacaab"}
		whole := newRedactor(secrets)
		want := append(fed(whole, bytes.Clone(text)), whole.rest()...)
		r := newRedactor(secrets)
		var got []byte
		for _, p := range split(text, cuts) {
			got = append(got, fed(r, p)...)
			if len(r.held) >= 9 {
				t.Fatalf("%d bytes are held back", len(r.held))
			}
		}
		got = append(got, r.rest()...)
		if len(got) != len(text) || len(want) != len(text) {
			t.Fatalf("%d and %d bytes of %d", len(got), len(want), len(text))
		}
		for _, s := range secrets {
			if bytes.Contains(got, []byte(s)) {
				t.Fatalf("%q in %q", s, got)
			}
		}
	})
}
