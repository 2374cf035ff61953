// Package quick is the tricks that make a start short: one file a trick, whose
// head says what it does, what it brought when it was last measured, what it
// relies on, and what happens without it.
//
// All of it could go, and only the clock would notice: a jail means the same
// with each trick and without. The end-to-end tests run with all of them
// switched off too (GOJAIL_WITHOUT, [Without]), and "BENCH=tricks make bench"
// measures what each is worth. What brings less than 2 % does not stay.
//
// What does not belong here: a step that a jail needs, or a check of one.
package quick

// #cgo CFLAGS: -Wall -Wextra -Wno-unused-parameter -Werror -I${SRCDIR}/../constructor -I${SRCDIR}/../userns
import "C"

import (
	_ "github.com/jailed-claude/jailed-claude/runtime/constructor" // calls the steps
	_ "github.com/jailed-claude/jailed-claude/runtime/userns"      // jail_enter, for the half that becomes a supervisor
)
