package digest_test

import (
	"testing"

	"github.com/jailed-claude/jailed-claude/internal/digest"
)

func Test(t *testing.T) {
	const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if got := digest.Of(nil); got != empty || !digest.Is(got) {
		t.Errorf("got %s, want %s", got, empty)
	}
	for _, bad := range []string{"", "sha256:", empty[7:], empty + "0", "sha256:E" + empty[8:], "sha512:" + empty[7:], empty + "\n"} {
		if digest.Is(bad) {
			t.Errorf("%q is taken for a digest", bad)
		}
	}
}
