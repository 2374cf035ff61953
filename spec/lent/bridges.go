package lent

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// Bridges are those of a policy, by their names in config.json; nil for none. agent
// is the name of the agent, and display the socket that Socket has found.
func Bridges(all policy.Policy, agent, display string, origin func(key string) string) (b *network.Bridges, grants []Grant, err error) {
	p := all.Bridges
	b = &network.Bridges{Notify: p.Notify}
	add := func(name, mode, why string) {
		grants = append(grants, Grant{"bridge", name, mode, origin("bridges." + name), why})
	}
	if p.Open != "" && p.Open != network.BridgeOff {
		b.Open = p.Open
		why := "your browser opens pages (https) after your yes: their addresses are the jail's choice, and carry what it puts there"
		if p.Open == network.BridgeAlways {
			why = "your browser opens pages (https) of names that the jail may connect to, without asking; of others after your yes"
		}
		if slices.Contains(Fixed(all), network.FixedPorts) {
			why += "; what they answer reaches the jail at ports of network.ports alone, which the policy of this machine sets"
		}
		add(network.BridgeOpen, p.Open, why)
	}
	if p.Clipboard != "" && p.Clipboard != network.BridgeOff {
		b.Clipboard = p.Clipboard
		add(network.BridgeClipboard, p.Clipboard, "every program of the jail reads an image that you copied, whenever it asks; no text, and nothing is written")
	}
	if p.Notify {
		add(network.BridgeNotify, "show", "notifications on your desktop, under the name of the jail")
	}
	if p.IDE != "" && p.IDE != network.BridgeOff {
		if agent != "claude" || all.Agent.Config != policy.ConfigPrivate {
			return nil, nil, fmt.Errorf(`bridges.ide (%s) is for a private configuration of Claude Code: leave it out, or write agent.config = "private"`, origin("bridges.ide"))
		}
		b.IDE = p.IDE
		why := "one window of your editor, the one that has the project open: what you mark, and what is wrong, in files that the jail has"
		if p.IDE == network.IDEDiffs {
			why += "; it shows diffs of files that the jail writes"
		}
		add(network.BridgeIDE, p.IDE, why)
	}
	if p.Display != "" && p.Display != network.BridgeOff {
		if display == "" {
			return nil, nil, fmt.Errorf("bridges.display = %q (%s): the caller has no such display: WAYLAND_DISPLAY with XDG_RUNTIME_DIR, or DISPLAY as :N, names its socket", p.Display, origin("bridges.display"))
		}
		b.Display = p.Display
		add(network.BridgeDisplay, p.Display, gives[p.Display])
	}
	if *b == (network.Bridges{}) {
		return nil, nil, nil
	}
	return b, grants, nil
}

// EditorDir is the host folder, in the state of a project, in which a jail finds
// the port of an editor. It has to exist before the jail starts.
func EditorDir(state string) string { return path.Join(state, "ide") }

// Variable is one of the environment, and why it is there.
type Variable struct{ Name, Value, Why string }

// Variables are what makes programs of the jail ask.
func Variables(ssh *network.SSH, b *network.Bridges) (v []Variable) {
	if ssh != nil {
		v = append(v, Variable{"SSH_AUTH_SOCK", contract.AgentSocket, "the jail's ssh agent"})
		if len(ssh.Hosts) > 0 {
			// libssh2 does not say which host a signature is for.
			v = append(v, Variable{"CARGO_NET_GIT_FETCH_WITH_CLI", "true", "cargo's own ssh cannot use the agent of a jail"})
		}
	}
	if b != nil && b.Open != "" {
		v = append(v, Variable{"BROWSER", path.Join(contract.BridgeBin, contract.Opener), "pages are opened on the host (bridges.open)"})
	}
	if b != nil && b.IDE != "" {
		v = append(v, Variable{"CLAUDE_CODE_SSE_PORT", strconv.Itoa(network.IDEPort), "your editor (bridges.ide)"})
	}
	if b == nil {
		return v
	}
	switch b.Display {
	case network.DisplayWayland:
		v = append(v, Variable{"WAYLAND_DISPLAY", wayland, "your display (bridges.display)"})
	case network.DisplayX11, network.DisplayX11Trusted:
		v = append(v, Variable{"DISPLAY", ":0", "your display (bridges.display)"}, Variable{"XAUTHORITY", contract.XAuthority, "your display (bridges.display)"})
	}
	return v
}

// gives is what a display gives away.
var gives = map[string]string{
	network.DisplayWayland:    "windows on your display, and keys while they have the focus; what a compositor gives its clients besides (the clipboard, copies of the screen) it gives the jail",
	network.DisplayX11:        "windows on your X server, as a client that it does not trust: it types into no window and records no keys, as far as the SECURITY extension goes; it reads the clipboard",
	network.DisplayX11Trusted: "all of your X server: every key that you type anywhere, every window, and typing into them, which runs what it likes as you",
}

// wayland is the name of the socket in XDG_RUNTIME_DIR of a jail.
const wayland = "wayland-0"

// Socket is that of the caller's display, by the caller's variables; empty for
// none.
func Socket(display string, caller map[string]string) string {
	switch display {
	case network.DisplayWayland:
		name, dir := caller["WAYLAND_DISPLAY"], caller["XDG_RUNTIME_DIR"]
		if name != "" && !path.IsAbs(name) {
			if name = path.Join(dir, name); !path.IsAbs(dir) {
				return ""
			}
		}
		return name
	case network.DisplayX11, network.DisplayX11Trusted:
		number, _, _ := strings.Cut(strings.TrimPrefix(caller["DISPLAY"], ":"), ".")
		if n, err := strconv.ParseUint(number, 10, 16); err == nil && strings.HasPrefix(caller["DISPLAY"], ":") {
			return fmt.Sprintf("/tmp/.X11-unix/X%d", n)
		}
	}
	return ""
}

// SocketAt is where a jail has it.
func SocketAt(display, runtimeDir string) string {
	if display == network.DisplayWayland {
		return path.Join(runtimeDir, wayland)
	}
	return "/tmp/.X11-unix/X0"
}

// By is the section of a policy that has the host do something for the jail, and
// where that is from; empty for none.
func By(p policy.Policy, origin func(key string) string) string {
	if len(p.SSH.Keys) > 0 {
		return "[ssh] (" + origin("ssh.keys="+p.SSH.Keys[0]) + ")"
	}
	p.Agent.Config = policy.ConfigPrivate // whatever it is good for
	if _, grants, _ := Bridges(p, "claude", "/", origin); len(grants) > 0 {
		return "[bridges] (" + grants[0].From + ")"
	}
	return ""
}

// Asked is what words of the command line say: the name of a bridge, and a value
// that is not its usual one.
func Asked(words []string) (l policy.BridgesLayer, err error) {
	for _, word := range words {
		name, value, given := strings.Cut(word, "=")
		switch {
		case name == network.BridgeOpen && given:
			l.Open = &value
		case word == network.BridgeOpen:
			l.Open = new(network.BridgeAsk)
		case word == network.BridgeClipboard:
			l.Clipboard = new(network.BridgeImages)
		case word == network.BridgeNotify:
			l.Notify = new(true)
		case name == network.BridgeDisplay && given:
			l.Display = &value
		case name == network.BridgeIDE && given:
			l.IDE = &value
		case word == network.BridgeIDE:
			l.IDE = new(network.IDEContext)
		default:
			return l, fmt.Errorf("--bridge %q: write open, open=always, clipboard, notify, ide, ide=diffs, display=wayland, display=x11 or display=x11-trusted", word)
		}
	}
	return l, nil
}

// Fixed are the lists of the network to which the policy of the machine lets nobody
// add anything (network.Config).
func Fixed(all policy.Policy) (lists []string) {
	for _, l := range []string{network.FixedAllow, network.FixedPorts} {
		if all.SetBy(policy.MachineName, "network."+l) {
			lists = append(lists, l)
		}
	}
	return lists
}

// Open reports whether users may allow more of the network.
func Open(all policy.Policy) bool {
	none := all.Network.Mode == network.None && all.SetBy(policy.MachineName, "network.mode")
	return !none && !slices.Contains(Fixed(all), network.FixedAllow)
}
