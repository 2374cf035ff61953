package advice

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/egress/wall"
	"github.com/jailed-claude/jailed-claude/spec/host/needs"
)

func TestFor(t *testing.T) {
	for _, c := range []struct {
		err  error
		want []string
	}{
		{fmt.Errorf("x: %w", hint.Add(errors.New("y"), "one", "two")), []string{"one", "two"}},
		{fmt.Errorf("x: %w", wall.ErrNoNFTables), needs.NoRedirection},
		{errors.New("nobody knows"), nil},
	} {
		if got, commands := For(c.err); !slices.Equal(got, c.want) || commands != nil && len(c.want) == 0 {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
