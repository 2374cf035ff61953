package folder

import (
	"testing"
)

func TestFind(t *testing.T) {
	if h := Find(map[string]string{"CLAUDE_CONFIG_DIR": "/srv/c/"}, "/home/ada"); h.Dir != "/srv/c" || h.JSON != "/srv/c/.claude.json" {
		t.Errorf("%+v", h)
	}
	for _, dir := range []string{"", "relative"} {
		if h := Find(map[string]string{"CLAUDE_CONFIG_DIR": dir}, "/home/ada"); h.Dir != "/home/ada/.claude" || h.JSON != "/home/ada/.claude.json" {
			t.Errorf("%q: %+v", dir, h)
		}
	}
}
