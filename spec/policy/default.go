package policy

import "github.com/jailed-claude/jailed-claude/spec/network"

// defaultName is the name of the layer below all others, as it appears in
// Policy.Origins.
const defaultName = "default"

// MachineName is that of the machine's layer, its file.
const MachineName = "/etc/jailed-claude/policy.toml"

// Default returns the policy that holds where no layer says anything: the
// project read-write, a Claude configuration of the jail's own, the public
// internet, and nothing else of the host. Each call returns a fresh value.
func Default() Policy {
	p := Policy{
		Agent:    Agent{Config: ConfigPrivate, Key: KeyAuto},
		Files:    Files{Project: ProjectRW, Cache: CachePrivate},
		Network:  Network{Mode: NetInternet, TLS: network.TLSStrict, Via: network.ViaRedirect},
		Nix:      Nix{Daemon: DaemonOff, Store: StoreClosure},
		Identity: Identity{User: UserKeep},
		Terminal: Terminal{Clipboard: ClipboardOff, Filter: FilterAuto},
		Origins:  map[string]string{},
	}
	for _, r := range rows() {
		if r.Default != "" && r.policy != nil {
			p.Origins[r.Name] = defaultName
		}
	}
	return p
}
