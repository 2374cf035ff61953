package broker

import (
	"bytes"
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

func FuzzRedact(f *testing.F) {
	f.Add([]byte("xxaabaabaacxx"), []byte{1, 3, 4})
	f.Add([]byte("aabaabaabaac"), []byte{5, 1, 1})
	f.Add([]byte("event: x\n\n"), []byte{2})
	f.Fuzz(func(t *testing.T, text, cuts []byte) {
		secrets := []string{"aabaabaac", "aacaab"}
		whole := newRedactor(secrets)
		want := append(bytes.Clone(whole.feed(text)), whole.rest()...)
		r := newRedactor(secrets)
		var got []byte
		for _, p := range split(text, cuts) {
			got = append(got, r.feed(p)...)
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
