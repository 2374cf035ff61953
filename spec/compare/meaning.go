package compare

import (
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// meaning is what a change of one fact means. widens is told the values and
// whether there are any.
type meaning struct {
	widens          func(from, to string, had, has bool) bool
	wider, narrower string
	secret          bool
}

func always(_, _ string, _, _ bool) bool  { return true }
func never(_, _ string, _, _ bool) bool   { return false }
func added(_, _ string, _, has bool) bool { return has }
func taken(_, _ string, had, _ bool) bool { return had }

// lifted: a limit is higher or gone. What is no number is a limit nobody knows.
func lifted(from, to string, had, has bool) bool {
	if !has {
		return true
	}
	x, y := strings.Split(from, "/"), strings.Split(to, "/")
	for i := range y {
		n, err := strconv.ParseInt(y[i], 10, 64)
		if err != nil || n < 0 {
			return true
		}
		if !had {
			continue
		}
		if i >= len(x) {
			return true
		}
		if was, err := strconv.ParseInt(x[i], 10, 64); err != nil || was >= 0 && n > was {
			return true
		}
	}
	return false
}

func meaningOf(id factID) meaning {
	switch id.key {
	case "hostname", "ociVersion", "process.terminal", "process.cwd":
		return meaning{widens: never, narrower: "nothing is granted by it"}
	case "process.args":
		return meaning{widens: always, wider: "another program, other arguments, or another identity"}
	case "process.env":
		return meaning{widens: added, wider: "a variable can change what programs do, and which ones", narrower: "it is not set", secret: true}
	case "process.noNewPrivileges", "root.readonly":
		return meaning{widens: func(_, to string, _, _ bool) bool { return to != "true" }, wider: "a protection is off", narrower: "a protection is on"}
	case "process.rlimits", "linux.resources.memory.limit", "linux.resources.memory.swap", "linux.resources.pids.limit", "linux.resources.cpu.quota":
		return meaning{widens: lifted, wider: "more of this machine", narrower: "less of this machine"}
	case "linux.namespaces":
		return meaning{
			widens: func(_, to string, _, has bool) bool { return !has || to != "its own" },
			wider:  "shared with the host or somebody else", narrower: "the jail's own",
		}
	case "network.mode":
		return meaning{
			widens: func(from, to string, _, _ bool) bool { return !narrower(from, to) },
			wider:  "the jail reaches more of the network", narrower: "the jail reaches less of the network",
		}
	case "network.allow":
		return meaning{widens: added, wider: "the jail reaches it", narrower: "the jail does not reach it"}
	case "network.deny":
		return meaning{widens: taken, wider: "the jail may reach it", narrower: "the jail does not reach it, whatever allows it"}
	case "network.ask":
		return meaning{widens: added, wider: "you are asked about names that no rule is of", narrower: "names that no rule is of are refused at once"}
	case "network.host-ports":
		return meaning{widens: added, wider: "the jail reaches this port of the host", narrower: "the jail does not reach this port of the host"}
	case "network.ports":
		return meaning{widens: added, wider: "the host reaches this port of the jail", narrower: "the host does not reach this port"}
	case "network.tls":
		return meaning{widens: added, wider: "an allowed name can stand for another one of the same provider", narrower: "TLS names the server that was allowed"}
	case "network.addresses":
		return meaning{widens: added, wider: "the jail learns the addresses of names", narrower: "the jail learns no addresses"}
	case "network.via", "network.upstream":
		return meaning{widens: always, wider: "other programs reach the network, by other means"}
	case brokerKey:
		return meaning{widens: added, wider: "what from names goes to the upstream, and the jail uses it there", narrower: "the jail has no use of this key"}
	case bridgesKey:
		return meaning{widens: added, wider: "programs of your desktop do it for the jail", narrower: "nothing of your desktop does it for the jail"}
	case sshKey:
		return meaning{widens: added, wider: "the jail has more signed by your ssh agent", narrower: "your ssh agent signs less for the jail"}
	case "hooks.createRuntime", "hooks.createContainer", "hooks.poststop":
		return meaning{widens: added, wider: "the runtime executes it outside of the jail", narrower: "nothing is executed outside of the jail"}
	case "linux.maskedPaths":
		return meaning{widens: taken, wider: "it can be seen", narrower: "it cannot be seen"}
	case "linux.readonlyPaths":
		return meaning{widens: taken, wider: "it can be changed", narrower: "it cannot be changed"}
	case "annotations." + contract.TerminalAnnotation:
		return meaning{widens: added, wider: "the jail chooses what you paste next", narrower: "your clipboard is out of the jail's reach"}
	case watchedKey:
		return meaning{widens: taken, wider: "nobody is told when it appears", narrower: "it cannot appear, or is reported"}
	case "portable.hide", "portable.protect":
		return meaning{widens: taken, wider: "the pattern is gone", narrower: "the pattern holds"}
	case "linux.seccomp.syscalls":
		_, action, _ := strings.Cut(id.element, ": ")
		if strings.HasPrefix(action, "ERRNO") || strings.HasPrefix(action, "KILL") {
			return meaning{widens: taken, wider: "not refused by this rule", narrower: "refused"}
		}
		return meaning{widens: added, wider: "the kernel does it", narrower: "not allowed by this rule"}
	}
	if strings.HasPrefix(id.key, "process.capabilities.") {
		return meaning{widens: added, wider: "a privilege", narrower: "a privilege less"}
	}
	return meaning{widens: always, wider: "what it means is not known here"}
}
