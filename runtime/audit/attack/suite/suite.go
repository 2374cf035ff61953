package suite

import (
	"slices"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/files"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/kernel"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/moves"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/neighbours"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/network"
)

// suite is every class in the order of the report.
var suite = []func() []attack.Attack{
	files.FileAttacks, files.HiddenAttacks, files.DeviceAttacks, files.PersistenceAttacks, moves.TrapAttacks, files.HomeAttacks,
	moves.HostMoveAttacks, neighbours.Attacks,
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

// Of returns the attacks that are to be made, in their order.
func Of(b *attack.Bait) []attack.Attack {
	return slices.DeleteFunc(All(), func(a attack.Attack) bool { return len(b.Classes) > 0 && !slices.Contains(b.Classes, a.Class) })
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
