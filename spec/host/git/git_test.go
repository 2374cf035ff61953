package git

import (
	"github.com/jailed-claude/jailed-claude/spec/host/hosttest"
)

type fake struct{ *hosttest.Fake }

func newFake(t hosttest.TB) *fake { return &fake{hosttest.New(t)} }

var (
	write      = hosttest.Write
	requireGit = hosttest.RequireGit
)
