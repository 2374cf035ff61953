package pod

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Forms.
const (
	// Plain is a Pod of level "restricted" with our PID 1 in front.
	Plain = "plain"
	// Own runs this program's own runtime in the Pod.
	Own = "own"
)

// Engines.
const (
	Kubernetes = "kubernetes"
	// Podman is podman kube play on this machine.
	Podman = "podman"
)

// Kinds.
const (
	Pod = "Pod"
	// Sandbox is sigs.k8s.io/agent-sandbox's, around the same Pod.
	Sandbox = "Sandbox"
)

// All of them, the default first.
var (
	forms   = []string{Plain, Own}
	Engines = []string{Kubernetes, Podman}
	kinds   = []string{Pod, Sandbox}
)

// Input is what a Pod follows from.
type Input struct {
	// Jail is the jail of config.json.
	Jail *contract.Jail
	// Here is who and where the agent is in config.json, There in the image.
	Here, There contract.Place
	Image       string
	// Name is a DNS label.
	Name                         string
	Form, Engine, Kind, Policies string

	// Claim is the volume that has the project, Git the URL that it is cloned
	// from, with "#" and a branch or a tag. With neither, podman mounts the
	// project of this machine.
	Claim, Git string
	// Tracked: a clone has this path of the project. IsDir: it is a folder.
	Tracked, IsDir func(p string) bool

	// Secret is where the keys of brokers are, by the variables' names: for the
	// runtime in the Pod (Own), or for a container of the brokers' own.
	Secret string
	// Certificates is a ConfigMap with the key "ca-certificates.crt".
	Certificates string
	// Profile: the nodes get the seccomp profile of the result.
	Profile bool
	// Policy of the jail that the runtime in the Pod makes (Own), as TOML, and the
	// arguments of its agent.
	Policy    string
	AgentArgs []string
}

// Result is what was made.
type Result struct {
	Objects []any
	Notes   []note
	// ProfileName is the seccomp profile's, below the folder of the kubelet's
	// profiles (or podman's --seccomp-profile-root); empty if the Pod has that of
	// the engine.
	ProfileName string
	Profile     []byte
}

// prefix is how the names of our annotations in config.json begin.
var prefix = strings.TrimSuffix(contract.NetworkAnnotation, "network")

// export is one Pod on its way.
type export struct {
	in    Input
	notes []note
	pod   podSpec
	main  container
	// names are those of volumes, files what the ConfigMap has.
	names, files map[string]string
	// served are the brokers that have a container of their own.
	served []network.Broker
	// state are the places of what is kept for the jails of the project.
	state []string
	// err is the first error of adding a mount.
	err error
}

func (e *export) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// Export writes a jail as a Pod and what belongs to it.
func Export(in Input) (*Result, error) {
	e := &export{in: in, files: map[string]string{}, names: map[string]string{}}
	if err := e.check(); err != nil {
		return nil, err
	}
	r := &Result{}
	e.frame()
	var err error
	if r.Profile, r.ProfileName, err = e.profile(); err != nil {
		return nil, err
	}
	if in.Form == Own {
		e.own()
	} else {
		err = e.plain()
	}
	if err == nil {
		err = e.source()
	}
	if err = cmp.Or(err, e.err); err != nil {
		return nil, err
	}
	policy, err := e.networkPolicy()
	if err != nil {
		return nil, err
	}
	e.unread()
	if len(e.files) > 0 {
		r.Objects = append(r.Objects, configMap{typeMeta{"v1", "ConfigMap"}, e.meta(), e.files})
	}
	if policy != nil {
		r.Objects = append(r.Objects, policy)
	}
	e.pod.Containers = []container{e.main}
	slices.SortStableFunc(e.notes, func(a, b note) int { return strings.Compare(a.Field, b.Field) })
	r.Notes = e.notes
	r.Objects = append(r.Objects, e.object(r.ProfileName))
	return r, nil
}

// object is the Pod, or what it is in.
func (e *export) object(profile string) any {
	m := e.meta()
	m.Annotations = map[string]string{}
	if len(e.notes) > 0 && e.in.Engine == Kubernetes {
		m.Annotations[notesAnnotation] = annotation(e.notes)
	}
	if e.in.Engine == Podman && profile != "" {
		// It reads no seccompProfile.
		m.Annotations["seccomp.security.alpha.kubernetes.io/pod"] = "localhost/" + profile
	}
	if e.in.Kind == Sandbox {
		return sandbox{typeMeta{"agents.x-k8s.io/v1beta1", Sandbox}, e.meta(), sandboxSpec{podTemplate{meta{Labels: m.Labels, Annotations: m.Annotations}, e.pod}}}
	}
	return podObject{typeMeta{"v1", Pod}, m, e.pod}
}

// label is a name that Kubernetes takes for everything (RFC 1123), with room for
// what volumes are called after it; object is one of a claim, a Secret or a
// ConfigMap. They are compiled when first used: a start of a jail has no use for
// them.
var (
	label  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`) })
	object = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`) })
)

// MaxLabel is the greatest length of a name of a Pod.
const MaxLabel = 52

const maxObject = 253

// check refuses what has no Pod.
func (e *export) check() error {
	in := e.in
	for _, o := range []struct {
		flag, value string
		all         []string
	}{{"form", in.Form, forms}, {"engine", in.Engine, Engines}, {"kind", in.Kind, kinds}, {"network-policy", in.Policies, policies}} {
		if !slices.Contains(o.all, o.value) {
			return hint.Add(fmt.Errorf("--%s %q is not known", o.flag, o.value), "write one of "+strings.Join(o.all, ", "))
		}
	}
	for flag, name := range map[string]string{"volume": in.Claim, "secret": in.Secret, "certificates": in.Certificates} {
		if name != "" && (len(name) > maxObject || !object().MatchString(name)) {
			return fmt.Errorf("--%s: %q cannot be the name of an object of Kubernetes", flag, name)
		}
	}
	podman := in.Engine == Podman
	switch {
	case in.Image == "":
		return hint.Add(errors.New("a Pod needs an image"), "make one: jailed-claude image DIR", "push it, and name it with its digest: --image registry.example/agent@sha256:…")
	case len(in.Name) > MaxLabel || !label().MatchString(in.Name):
		return hint.Add(fmt.Errorf("%q cannot be the name of a Pod", in.Name), "write lower-case letters, digits and hyphens, at most 52: --name agent")
	case podman && in.Kind == Sandbox:
		return errors.New("podman knows no Sandbox: leave --kind out")
	case podman && in.Policies != PolicyNone:
		return hint.Add(errors.New("podman has no network policies"), "leave --network-policy out")
	case in.Claim != "" && in.Git != "":
		return errors.New("the project comes from a volume or from git, not from both")
	case in.Claim == "" && in.Git == "" && !podman:
		return hint.Add(errors.New("where does the project come from?"), "from a volume of the cluster: --volume CLAIM", "or from a repository: --git https://git.example/project.git#main")
	case in.Secret != "" && in.Form == Plain && podman:
		return hint.Add(errors.New("podman keeps no container running beside the agent, so no broker has the key"), "on this machine: jailed-claude run")
	case in.Secret != "" && in.Certificates == "" && !podman:
		return hint.Add(errors.New("the image has no certificates, and a broker trusts no service without"), "kubectl create configmap ca --from-file=ca-certificates.crt=/etc/ssl/certs/ca-certificates.crt", "then --certificates ca")
	}
	return nil
}

// labels are of everything that belongs to the Pod.
func (e *export) labels() map[string]string {
	return map[string]string{"app.kubernetes.io/name": "jailed-claude", "app.kubernetes.io/instance": e.in.Name}
}

func (e *export) meta() meta { return meta{Name: e.in.Name, Labels: e.labels()} }

// place is where a path of config.json is in the image: its home and its project
// are others.
func (e *export) place(p string) string {
	h, t := e.in.Here, e.in.There
	for _, m := range [][2]string{{h.Project, t.Project}, {h.Home, t.Home}, {h.RuntimeDir, t.RuntimeDir}} {
		if m[0] != "" && paths.Below(p, m[0]) {
			return path.Join(m[1], strings.TrimPrefix(p, m[0]))
		}
	}
	return p
}

// frame is what both forms have in common.
func (e *export) frame() {
	in := e.in
	e.pod = podSpec{
		RestartPolicy: "Never",
		Hostname:      in.Jail.Spec.Hostname,
		SecurityContext: podSecurityContext{
			RunAsNonRoot: true, RunAsUser: in.There.UID, RunAsGroup: in.There.UID, FSGroup: in.There.UID,
			SeccompProfile: seccompProfile{Type: "RuntimeDefault"},
		},
	}
	e.main = container{
		Name: "agent", Image: in.Image,
		SecurityContext: securityContext{ReadOnlyRootFilesystem: true, Capabilities: capabilities{Drop: []string{"ALL"}}},
		Resources:       e.limits(),
	}
	if p := in.Jail.Spec.Process; p.Terminal {
		e.main.Stdin, e.main.TTY = true, true
	}
	if !strings.Contains(in.Image, "@sha256:") && in.Engine == Kubernetes {
		e.note("image", "%s has no digest: whoever may push there decides what runs; add @sha256:…", in.Image)
	}
}

// limits are those of memory and processors.
func (e *export) limits() *resources {
	r := e.in.Jail.Spec.Linux.Resources
	if r == nil {
		return nil
	}
	limits := map[string]string{}
	if m := r.Memory; m != nil && m.Limit != nil {
		limits["memory"] = fmt.Sprint(*m.Limit)
		if m.Swap != nil {
			e.note("linux.resources.memory.swap", "no field says that there is no swap: it is the kubelet's memorySwap")
		}
	}
	if c := r.CPU; c != nil && c.Quota != nil && c.Period != nil {
		limits["cpu"] = fmt.Sprintf("%dm", *c.Quota*1000/int64(*c.Period))
	}
	if p := r.Pids; p != nil && p.Limit != nil {
		e.note("linux.resources.pids.limit", "%d: no field limits the processes of a Pod: it is the kubelet's podPidsLimit", *p.Limit)
	}
	if len(limits) == 0 {
		return nil
	}
	return &resources{limits}
}

// ownNetwork: config.json has a network namespace.
func ownNetwork(s *specs.Spec) bool {
	return slices.ContainsFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
}

// variable is a value as the engine has to read it: a kubelet replaces
// $(NAME), and reads $$ as $ (podman does neither).
func (e *export) variable(s string) string {
	if e.in.Engine == Podman {
		return s
	}
	return strings.ReplaceAll(s, "$", "$$")
}

func (e *export) arguments(args []string) []string {
	all := make([]string, len(args))
	for i, a := range args {
		all[i] = e.variable(a)
	}
	return all
}

// mode is the network's of config.json.
func (e *export) mode() string {
	switch {
	case !ownNetwork(e.in.Jail.Spec):
		return network.Host
	case e.in.Jail.Network == nil:
		return network.None
	}
	return e.in.Jail.Network.Mode
}
