package advice

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/cgroup"
	"github.com/jailed-claude/jailed-claude/runtime/egress/wall"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/needs"
)

// For is the advice for an error, and commands that mend its cause.
func For(err error) (hints, commands []string) {
	var h *hint.Error
	var project *host.ProjectError
	var cl *closure.Error
	var ns *userns.Error
	var limits *cgroup.DelegationError
	switch {
	case needs.InJail(err) != "":
		return []string{needs.InJail(err)}, nil
	case errors.As(err, &h):
		return h.Lines, nil
	case errors.As(err, &project) && project.Hint != "":
		return []string{project.Hint}, nil
	case errors.As(err, &cl) && cl.Fix != "":
		return cl.Hints(), nil
	case errors.As(err, &ns):
		return needs.Advice(context.Background())
	case errors.As(err, &limits):
		return append(slices.Clip(limits.Fix), "or run without these limits"), nil
	case errors.Is(err, wall.ErrNoNFTables):
		return needs.NoRedirection, nil
	case strings.Contains(err.Error(), "unable to join session keyring"): // libcontainer's, a text
		return []string{"jails need one key of the kernel (keyrings(7)), and this user has as many as it lets a user have (/proc/key-users): end what has them, or as root: sysctl -w kernel.keys.maxkeys=2000"}, nil
	}
	return nil, nil
}
