package keys

import (
	"os"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

func TestMain(m *testing.M) {
	os.Exit(world.Main(m, map[string]func(args []string) int{
		"badtokens": badTokens,
		"bucket":    bucket,
		"keyhunt":   keyHunt,
		"mcp":       mcp,
		"misuse":    misuse,
		"oauth":     oauthService,
		"tokens":    tokens,
		"vault":     vault,
	}))
}
