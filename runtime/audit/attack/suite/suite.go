package suite

import (
	"slices"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/bridges"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/files"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/kernel"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/keys"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/moves"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/neighbours"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/network"
)

// suite is every class in the order of the report.
// In a jail with both, the hunt for keys comes before attacks that may read the
// secret for a moment in which that is no hole.
var suite = []func() []attack.Attack{
	files.FileAttacks, files.HiddenAttacks, files.DeviceAttacks, files.PersistenceAttacks, moves.TrapAttacks, files.HomeAttacks,
	moves.HostMoveAttacks, neighbours.Attacks, keys.Attacks, bridges.Attacks, further, files.CallerAttacks,
	kernel.NamespaceAttacks, kernel.MountAttacks, kernel.PrivilegeAttacks, kernel.ProcessAttacks, kernel.CallAttacks,
	kernel.ABIAttacks, kernel.IPCAttacks, kernel.TerminalAttacks,
	network.ServiceAttacks, network.HostAttacks, network.SocketAttacks, network.NetlinkAttacks,
	kernel.ExhaustionAttacks, files.RaceAttacks, kernel.LeftoverAttacks,
}

// All returns every attack, in the order in which they are made.
func All() []attack.Attack {
	var all []attack.Attack
	for _, class := range suite {
		all = append(all, class()...)
	}
	return all
}

// NeedsApart reports whether some of the attacks that are to be made are.
func NeedsApart(b *attack.Bait) bool {
	return slices.ContainsFunc(Of(b), func(a attack.Attack) bool { return a.Apart })
}

// further are the attacks on folders that the jail may write besides the project.
func further() []attack.Attack {
	return slices.Concat(files.FurtherAttacks(moves.FurtherClass), moves.FurtherAttacks())
}

// Of returns the attacks that are to be made, in their order.
func Of(b *attack.Bait) []attack.Attack {
	return slices.DeleteFunc(All(), func(a attack.Attack) bool { return !b.Wants(a) })
}

// Unknown is what of a choice is neither a class nor the name of an attack; empty if
// all is.
func Unknown(only []string) string {
	all := All()
	for _, o := range only {
		if !slices.ContainsFunc(all, func(a attack.Attack) bool { return a.Class == o || a.Name == o }) {
			return o
		}
	}
	return ""
}

// Classes are the classes of All, in its order.
func Classes() []string {
	var names []string
	for _, a := range All() {
		if !slices.Contains(names, a.Class) {
			names = append(names, a.Class)
		}
	}
	return names
}
