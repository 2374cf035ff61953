package pod

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/digest"
	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Where the program and the policy of its jail are in the Pod.
const (
	runtimePath = "/usr/bin/jailed-claude"
	policyDir   = "/etc/jailed-claude.d"
	policyName  = "policy.toml"
)

// own is a container in which this program makes the jail. The container is
// outside of it, as this machine is.
func (e *export) own() {
	in := e.in
	s := in.Jail.Spec
	command := []string{runtimePath, "run", "--policy", policyDir + "/" + policyName, "--project", in.There.Project}
	if len(in.AgentArgs) > 0 {
		command = append(append(command, "--"), in.AgentArgs...)
	}
	e.main.Command = e.arguments(command)
	e.main.WorkingDir = in.There.Project
	// The jail's /proc is a new one, which a kernel gives only to those who see
	// all of another.
	e.main.SecurityContext.ProcMount = "Unmasked"
	e.files[policyName] = in.Policy
	e.add(volume{Name: e.volumeName(in.Here.Home), EmptyDir: &emptyDir{}}, volumeMount{MountPath: in.There.Home})
	e.add(volume{Name: e.volumeName("/tmp"), EmptyDir: &emptyDir{Medium: "Memory"}}, volumeMount{MountPath: "/tmp"})
	e.add(volume{Name: e.volumeName(in.There.RuntimeDir), EmptyDir: &emptyDir{Medium: "Memory"}}, volumeMount{MountPath: in.There.RuntimeDir})
	e.add(e.ownFiles(), volumeMount{MountPath: policyDir, ReadOnly: true})
	for _, m := range s.Mounts {
		e.ownMount(m)
	}
	e.keys()
	e.outside()
}

// ownMount carries what the jail in the Pod finds outside of itself: its project
// and its certificates. It makes all other mounts itself.
func (e *export) ownMount(m specs.Mount) {
	here := e.in.Here
	switch {
	case m.Destination == here.Project:
		e.project(m, m.Type == "bind" && slices.Contains(m.Options, "ro"))
		if m.Type != "bind" {
			e.note("mounts", "%s: the layer lies in the Pod's home, and ends with it unseen", e.place(m.Destination))
		}
	case m.Type != "bind", paths.Below(m.Destination, here.Project), contract.InFrame(m.Destination),
		paths.Below(m.Destination, storepath.Dir), m.Source != m.Destination && paths.Below(m.Destination, here.Home):
		// The runtime in the Pod makes it.
	default:
		e.hostFile(m)
	}
}

// keys: those of brokers come from a Secret, into the environment of the
// runtime, which is outside of the jail.
func (e *export) keys() {
	n := e.in.Jail.Network
	if n == nil {
		return
	}
	var names []string
	for _, b := range n.Brokers {
		name, ok := strings.CutPrefix(b.From, "env:")
		switch {
		case b.From == "":
		case b.From == network.AWSEnv:
			names = append(names, network.AWSKeyID, network.AWSSecret)
		case ok:
			names = append(names, name)
		default:
			kind, _, _ := strings.Cut(b.From, ":")
			e.note(fieldNetwork+".brokers", "%s: its key is of this machine (%s:), and the agent has none for %s", b.Name, kind, b.Upstream)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if e.in.Secret == "" {
			e.note(fieldNetwork+".brokers", "%s: nobody gives the key to the Pod: --secret NAME, of a Secret that has %s", name, name)
			continue
		}
		e.main.Env = append(e.main.Env, envVar{Name: name, ValueFrom: &envSource{keyRef{e.in.Secret, name}}})
	}
}

// outside is what of config.json this machine has and the Pod has not.
func (e *export) outside() {
	e.user()
	if e.mode() == network.Host {
		e.note("linux.namespaces", "the network of the host: the jail has that of the Pod")
	}
	n := e.in.Jail.Network
	if n == nil {
		return
	}
	for _, s := range n.Allow {
		if a, err := network.ParseRule(s); err == nil && a.Name() == network.HostName {
			e.note(fieldNetwork+".allow", "%s: the host is the Pod, and not this machine", s)
		}
	}
	for _, port := range n.HostPorts {
		e.note(fieldNetwork+".hostPorts", "%d: the host is the Pod, and not this machine", port)
	}
	if n.Bridges != nil {
		e.note(fieldNetwork+".bridges", "your desktop is not in the cluster")
	}
	if n.SSH != nil {
		e.note(fieldNetwork+".ssh", "your ssh agent is not in the cluster")
	}
}

// dangerous are system calls that a jail never needs for itself, and of which
// some were ways into kernels. The jail has a filter of its own, which is an
// allow-list; this one is for the runtime around it, and has to let it make
// namespaces, mounts and keyrings.
var dangerous = []string{
	"acct", "add_key", "bpf", "clock_adjtime", "clock_settime", "create_module", "delete_module", "fanotify_init", "finit_module",
	"get_kernel_syms", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kexec_file_load", "kexec_load",
	"lookup_dcookie", "migrate_pages", "move_pages", "name_to_handle_at", "nfsservctl", "open_by_handle_at", "perf_event_open",
	"quotactl", "quotactl_fd", "reboot", "request_key", "settimeofday", "stime", "swapoff", "swapon", "syslog", "uselib", "userfaultfd",
	"vhangup", "vm86", "vm86old",
}

// profile is the seccomp profile that nodes need, by a name that says its bytes.
// Podman 4 takes what is before a slash for all of the name.
func (e *export) profile() (text []byte, name string, err error) {
	p := e.in.Jail.Spec.Linux.Seccomp
	if e.in.Form == Own {
		errno := uint(1) // EPERM
		p = &specs.LinuxSeccomp{
			DefaultAction: specs.ActAllow,
			Syscalls:      []specs.LinuxSyscall{{Names: dangerous, Action: specs.ActErrno, ErrnoRet: &errno}},
		}
	} else if !e.in.Profile {
		return nil, "", nil
	}
	if text, err = json.MarshalIndent(p, "", "  "); err != nil {
		return nil, "", err
	}
	text = append(text, '\n')
	name = "jailed-claude-" + e.in.Form + "-" + digest.Of(text)[len("sha256:"):][:12] + ".json"
	e.pod.SecurityContext.SeccompProfile = seccompProfile{"Localhost", name}
	if !e.in.Profile {
		e.note("securityContext.seccompProfile", "the node needs the file %s below /var/lib/kubelet/seccomp: --seccomp FILE writes it", name)
	}
	return text, name, nil
}

// unread are fields that the engine drops without a word, all or some of its
// releases.
func (e *export) unread() {
	own := e.in.Form == Own
	if e.in.Engine == Kubernetes {
		e.note("hostUsers", "an API server before 1.33 drops it without a word, and uids of the Pod are those of the node")
		if own {
			e.note("procMount", "an API server before 1.33 drops it without a word, and the jail does not start")
		}
		return
	}
	e.note("hostUsers", "podman reads it not: --userns=keep-id:uid=%d,gid=%d", e.in.There.UID, e.in.There.UID)
	e.note("securityContext.seccompProfile", "podman reads it not: the annotation of the profile, with --seccomp-profile-root, or else its own profile")
	e.note("volumes.emptyDir", "podman 4 keeps it on disk and podman 5 in memory, both without its size")
	if own {
		e.note("procMount", "podman before 4.7 reads it not, and the jail does not start")
	}
}
