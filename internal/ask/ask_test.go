package ask

import (
	"strings"
	"testing"
)

func TestOn(t *testing.T) {
	var w strings.Builder
	question := On(strings.NewReader(" Yes\ny\n\nno\ny"), &w)
	for _, want := range []struct {
		answer string
		yes    bool
	}{{"yes", true}, {"y", true}, {"", false}, {"no", false}, {"q", false}, {"q", false}} {
		if got := question("sure? "); got != want.answer || Yes(got) != want.yes {
			t.Errorf("%q, want %q", got, want.answer)
		}
	}
	if !strings.HasPrefix(w.String(), "jailed-claude: sure? jailed-claude: sure? ") {
		t.Errorf("asked %q", w.String())
	}
}
