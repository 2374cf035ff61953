package pod

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// plain is the container of config.json itself.
func (e *export) plain() error {
	s := e.in.Jail.Spec
	args, err := program(s.Process.Args)
	if err != nil {
		return err
	}
	init := []string{contract.InitPath}
	for _, flag := range []string{contract.FilterFlag, contract.FilterClipboardFlag} {
		if slices.Contains(s.Process.Args[:len(s.Process.Args)-len(args)], flag) {
			init = append(init, flag)
		}
	}
	e.main.Command = e.arguments(append(append(init, "--"), args...))
	e.main.WorkingDir = e.place(s.Process.Cwd)
	for _, m := range s.Mounts {
		e.mount(m)
	}
	for _, p := range s.Linux.MaskedPaths {
		e.hide(p)
	}
	if len(e.state) > 0 {
		e.note("mounts", "kept for the jails of this project, and in the Pod part of the home, which ends with it: %s", strings.Join(e.state, " "))
	}
	if err := e.brokers(); err != nil {
		return err
	}
	e.environment()
	e.dropped()
	e.uncarried()
	return nil
}

// program is what PID 1 is told to run.
func program(args []string) ([]string, error) {
	if i := slices.Index(args, "--"); len(args) > 0 && args[0] == contract.InitPath && i > 0 && i+1 < len(args) {
		return args[i+1:], nil
	}
	return nil, fmt.Errorf("process.args of config.json is %q, not %s, its options, -- and a program", args, contract.InitPath)
}

// uncarried are the fields that have no like in a Pod.
func (e *export) uncarried() {
	s := e.in.Jail.Spec
	p := s.Process
	if slices.Contains(p.Args, contract.NestingFlag) {
		e.note("process.args", "%s is left out: a container that is not privileged makes no namespaces", contract.NestingFlag)
	}
	if !slices.ContainsFunc(p.Args, func(a string) bool { return strings.HasPrefix(a, "--uid=") }) {
		e.note("process.args", "the agent is uid 0 in config.json, and uid %d in the Pod", e.in.There.UID)
	}
	e.user()
	for _, l := range p.Rlimits {
		if l.Type == "RLIMIT_CORE" || l.Type == "RLIMIT_NOFILE" {
			continue // of PID 1
		}
		e.note("process.rlimits", "%s %d: no field; it is the container runtime's", l.Type, l.Hard)
	}
	if !e.in.Profile {
		e.note("linux.seccomp", "PID 1 loads that of the image, beside the engine's own: an image of an older version has none; --seccomp FILE writes it for the nodes")
	}
	e.note("linux.maskedPaths", "/proc is masked by the engine's own list, and /sys is visible")
	n := e.in.Jail.Network
	switch e.mode() {
	case network.Host:
		e.note("linux.namespaces", "the network of the host: the Pod has that of the cluster")
	case network.None:
		e.kept(n)
	default:
		e.kept(n)
		if n.Mode == network.Filtered && e.in.Policies != PolicyCilium {
			e.note(fieldNetwork+".tls", "the name that a TLS client shows is not looked at")
		}
	}
	if n == nil {
		return
	}
	for _, port := range n.Ports {
		e.note(fieldNetwork+".ports", "%d: use kubectl port-forward", port)
	}
	for _, port := range n.HostPorts {
		e.note(fieldNetwork+".hostPorts", "%d: in a cluster this machine is not the host", port)
	}
	if n.Ask {
		e.note(fieldNetwork+".ask", "nobody is asked: what no rule allows is refused")
	}
	if n.Bridges != nil {
		e.note(fieldNetwork+".bridges", "your desktop is not in the cluster")
	}
	if n.SSH != nil {
		e.note(fieldNetwork+".ssh", "your ssh agent is not in the cluster")
	}
}

// user is what of the user has no field.
func (e *export) user() {
	u := e.in.Jail.Spec.Process.User
	if u.Umask != nil {
		e.note("process.user.umask", "%04o: no field; the agent begins with 0022", *u.Umask)
	}
	if len(u.AdditionalGids) > 0 {
		e.note("process.user.additionalGids", "%v: groups of this machine", u.AdditionalGids)
	}
}

// kept says who keeps the network.
func (e *export) kept(n *network.Network) {
	mode := e.mode()
	switch {
	case e.in.Engine == Podman && mode == network.None:
		e.note("annotations.network", "none: podman keeps it only with --network none")
	case e.in.Engine == Podman:
		e.note("annotations.network", "%s: podman has no network policies, and the Pod reaches what this machine reaches", mode)
	case e.in.Policies == PolicyNone:
		e.note("annotations.network", "%s: there is no network policy, and the Pod reaches what the cluster lets it", mode)
	default:
		e.note("annotations.network", "%s: kept by the plugin of the cluster's network, if that enforces network policies; the node of the Pod stays reachable; no log", mode)
	}
	if n != nil && n.Mode == network.Internet && e.in.Policies == PolicyKubernetes {
		for _, s := range n.Allow {
			if a, err := network.ParseRule(s); err == nil && a.Name() != "" && a.Name() != network.HostName {
				e.note(fieldNetwork+".allow", "%s is reached only where it leads to a public address", s)
			}
		}
	}
}

// environment is that of config.json, with the places of the image.
func (e *export) environment() {
	h, t := e.in.Here, e.in.There
	fixed := map[string]string{"HOME": t.Home, "USER": t.User, "LOGNAME": t.User, "XDG_RUNTIME_DIR": t.RuntimeDir}
	of, served := map[string]string{}, map[string]string{}
	idle := map[string]bool{} // placeholders of brokers that the Pod has not, whichever variable holds one
	if n := e.in.Jail.Network; n != nil {
		for _, b := range n.Brokers {
			of[b.URLEnv], idle[b.Placeholder()] = b.URL(), true
		}
	}
	for i, b := range e.served {
		served[b.URLEnv] = "http://" + brokerAt(i).String()
		delete(idle, b.Placeholder())
	}
	var certificates, relay []string
	for _, v := range e.in.Jail.Spec.Process.Env {
		name, value, _ := strings.Cut(v, "=")
		if f, ok := fixed[name]; ok {
			value = f
		}
		if at, ok := served[name]; ok && of[name] == value {
			value = at
		} else if b, ok := of[name]; ok && b == value || idle[value] {
			continue // the note about brokers says it
		}
		if strings.Contains(value, network.Gateway.String()) || strings.Contains(value, network.Broker{}.Inside()) {
			relay = append(relay, name)
			continue
		}
		if value == contract.AuthorityPath || value == contract.ExtraCertsPath {
			value = contract.CertsPath // the Pod has neither, and these programs trust what they bring as well
		}
		if value == contract.CertsPath && !e.hasCertificates() {
			certificates = append(certificates, name)
			continue
		}
		value = replacePath(replacePath(value, h.Project, t.Project), h.Home, t.Home)
		e.main.Env = append(e.main.Env, envVar{Name: name, Value: e.variable(value)})
	}
	if len(relay) > 0 {
		e.note("process.env", "the relay of the jail's network is not in the Pod, and these are left out: %s", strings.Join(relay, " "))
	}
	if len(certificates) > 0 {
		e.note("process.env", "without certificates these are left out: %s", strings.Join(certificates, " "))
	}
}

// replacePath puts another path in the place of one and of what lies below it,
// wherever it stands in a value.
func replacePath(value, from, to string) string {
	if from == "" || from == "/" || from == to {
		return value
	}
	var b strings.Builder
	for {
		i := strings.Index(value, from)
		if i < 0 {
			return b.String() + value
		}
		rest := value[i+len(from):]
		whole := (rest == "" || strings.ContainsRune("/:;, \"'", rune(rest[0]))) && (i == 0 || strings.ContainsRune(":;,= \"'", rune(value[i-1])))
		b.WriteString(value[:i])
		if whole {
			b.WriteString(to)
		} else {
			b.WriteString(from)
		}
		value = rest
	}
}

// hasCertificates: the Pod has those that programs look for.
func (e *export) hasCertificates() bool {
	return e.in.Certificates != "" || e.in.Engine == Podman
}

// mount carries one mount of config.json.
func (e *export) mount(m specs.Mount) {
	project := paths.Below(m.Destination, e.in.Here.Project)
	switch {
	case m.Destination == storepath.Dir:
		e.note("mounts", "%s: the image has the closure, not the whole store", m.Destination)
	case paths.Below(m.Destination, storepath.Dir):
		// The image has it.
	case m.Type == "tmpfs" && (m.Destination == "/dev/shm" || !contract.InFrame(m.Destination)):
		e.tmpfs(m)
	case contract.InFrame(m.Destination):
		// The engine's own.
	case m.Type == "overlay" && project:
		e.note("mounts", "%s: no layer: the agent writes to the volume itself, and there is no review", e.place(m.Destination))
		e.project(m, false)
	case m.Type == "bind" && project && m.Source == m.Destination:
		e.project(m, slices.Contains(m.Options, "ro"))
	default:
		e.hostFile(m)
	}
}

// tmpfs is memory with a size.
func (e *export) tmpfs(m specs.Mount) {
	v := volume{Name: e.volumeName(m.Destination), EmptyDir: &emptyDir{Medium: "Memory"}}
	for _, o := range m.Options {
		if size, ok := strings.CutPrefix(o, "size="); ok {
			v.EmptyDir.SizeLimit = quantity(size)
		}
		if strings.HasPrefix(o, "nr_inodes=") {
			e.note("mounts.options", "nr_inodes: no field limits the number of files of an emptyDir")
		}
		if o == "noexec" && m.Destination != "/dev/shm" {
			e.note("mounts.options", "noexec of %s: no field", e.place(m.Destination))
		}
	}
	e.add(v, volumeMount{MountPath: e.place(m.Destination), ReadOnly: slices.Contains(m.Options, "ro")})
}

// quantity is a size of tmpfs(5) as Kubernetes writes it: k, m and g are powers
// of two in the one, and Ki, Mi and Gi in the other.
func quantity(size string) string {
	for _, unit := range []string{"k", "m", "g"} {
		if n, ok := strings.CutSuffix(strings.ToLower(size), unit); ok {
			return n + strings.ToUpper(unit) + "i"
		}
	}
	return size
}

// hostFile is a file or folder of this machine that is in the jail.
func (e *export) hostFile(m specs.Mount) {
	d, ro := e.place(m.Destination), slices.Contains(m.Options, "ro")
	switch {
	case d == contract.CertsPath && e.in.Certificates != "":
		e.add(volume{Name: e.volumeName("certificates"), ConfigMap: &fromMap{e.in.Certificates}},
			volumeMount{MountPath: d, SubPath: path.Base(d), ReadOnly: true})
	case m.Source != m.Destination && paths.Below(m.Destination, e.in.Here.Home):
		e.state = append(e.state, d)
	case e.in.Engine == Podman && m.Type == "bind":
		e.add(volume{Name: e.volumeName(m.Destination), HostPath: &hostPath{m.Source}}, volumeMount{MountPath: d, ReadOnly: ro})
		e.note("mounts.options", "nosuid and nodev of folders of this machine: podman mounts them without")
	case d == contract.CertsPath:
		e.note("mounts", "%s: the Pod has no certificates, and git and other programs that have none of their own trust no server: --certificates CONFIGMAP", d)
	default:
		e.note("mounts", "%s: a file or folder of this machine, which is not in the cluster", d)
	}
}

// add adds a volume, and a mount of it. Of two on one place the later one lies
// on top, and is the only one that an API server takes.
func (e *export) add(v volume, m volumeMount) {
	if strings.Contains(m.MountPath, ":") {
		e.fail(fmt.Errorf("%s: a Pod can mount nothing there, for there is a colon in it", show.Visible(m.MountPath)))
		return
	}
	e.addVolume(v)
	m.Name = v.Name
	e.main.VolumeMounts = slices.DeleteFunc(e.main.VolumeMounts, func(o volumeMount) bool { return o.MountPath == m.MountPath })
	e.main.VolumeMounts = append(e.main.VolumeMounts, m)
}

func (e *export) addVolume(v volume) {
	if !slices.ContainsFunc(e.pod.Volumes, func(o volume) bool { return o.Name == v.Name }) {
		e.pod.Volumes = append(e.pod.Volumes, v)
	}
}

// volumeName is the name of the volume of a path, or of what else a key stands
// for. Podman shares volumes with other Pods by their names.
func (e *export) volumeName(key string) string {
	if name, ok := e.names[key]; ok {
		return name
	}
	base := cmp.Or(Label(strings.TrimPrefix(e.place(key), e.in.There.Home), 50), "home")
	if e.in.Engine == Podman {
		base = e.in.Name + "-" + base
	}
	name := base
	for n := 2; slices.Contains(slices.Collect(maps.Values(e.names)), name); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	e.names[key] = name
	return name
}

// Label makes a DNS label of a text, of at most so many characters; empty where
// there is nothing in it that a label may have.
func Label(text string, most int) string {
	all := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, text), "-")
	return strings.Trim(all[:min(len(all), most)], "-")
}
