package tools

import (
	"os"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

func TestMain(m *testing.M) { os.Exit(world.Main(m, nil)) }
