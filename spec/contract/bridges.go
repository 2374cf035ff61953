package contract

import "github.com/jailed-claude/jailed-claude/spec/network"

// BridgeSocket is where programs of a jail whose network has "bridges" ask for
// what the host does, and BridgeBin the folder of those programs, the first on
// PATH: the jail's toolchain may have others of the same names.
const (
	BridgeSocket = "/run/jail/bridge"
	BridgeBin    = "/etc/jailed-claude/bridges"
)

// BridgeBins are on PATH before all others, where a network has bridges.
func BridgeBins(n *network.Network) []string {
	if n == nil || n.Bridges == nil {
		return nil
	}
	return []string{BridgeBin}
}

// XAuthority is where clients of X11 find what lets them in.
const XAuthority = "/run/jail/Xauthority"

// Opener is what opens pages, in BridgeBin.
const Opener = "xdg-open"

// BridgePrograms are the names of the programs that ask for bridges.
func BridgePrograms(b *network.Bridges) (names []string) {
	if b == nil {
		return nil
	}
	if b.Open != "" {
		names = append(names, Opener)
	}
	if b.Clipboard != "" {
		names = append(names, "wl-paste", "xclip")
	}
	if b.Notify {
		names = append(names, "notify-send")
	}
	return names
}
