package preset

import (
	"slices"
	"testing"
)

func TestPresets(t *testing.T) {
	got, err := Expand([]string{"a.com", "@claude", "a.com", "api.anthropic.com"})
	if want := []string{"a.com", "api.anthropic.com", "platform.claude.com"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	for _, p := range Names() {
		if err := Check(p); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
	for _, s := range []string{"@", "@nope", "a@claude"} {
		if Check(s) == nil {
			t.Errorf("%q is taken", s)
		}
	}
}
