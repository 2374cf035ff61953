package pod

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

var update = flag.Bool("update", false, "write the golden files")

// configs are the golden config.json of package spec.
const configs = "../../spec/testdata"

// config reads one of them.
func config(t *testing.T, name string) *contract.Jail {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(configs, name))
	if err != nil {
		t.Fatal(err)
	}
	j := &contract.Jail{Spec: &specs.Spec{}}
	if err := json.Unmarshal(text, j.Spec); err != nil {
		t.Fatal(err)
	}
	if n, ok := j.Spec.Annotations[contract.NetworkAnnotation]; ok {
		if j.Network, err = network.Decode(n); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

// with changes the network of a jail.
func with(t *testing.T, j *contract.Jail, change func(*network.Config)) {
	t.Helper()
	c := j.Network.Config
	change(&c)
	n, err := c.Parse()
	if err != nil {
		t.Fatal(err)
	}
	j.Network = n
	j.Spec.Annotations[contract.NetworkAnnotation], _ = c.Encode()
}

const ada = "/home/ada/src/app"

// input is a Pod of a golden jail.
func input(j *contract.Jail, change func(*Input)) Input {
	in := Input{
		Jail: j, Name: "app", Image: "registry.example/agent@sha256:" + strings.Repeat("0", 64),
		Form: Plain, Engine: Kubernetes, Kind: Pod, Policies: PolicyKubernetes, Claim: "app",
		Here:    contract.Place{User: "ada", Home: "/home/ada", Project: ada, RuntimeDir: "/run/user/1000", UID: 1000},
		There:   contract.Place{User: "agent", Home: "/home/agent", Project: "/home/agent/project", RuntimeDir: "/run/user/1000", UID: 1000},
		Tracked: func(string) bool { return false }, IsDir: func(p string) bool { return strings.HasSuffix(p, "secrets") },
		Policy: "version = 1\n",
	}
	if change != nil {
		change(&in)
	}
	return in
}

func must(t *testing.T, in Input) *Result {
	t.Helper()
	r, err := Export(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// theSpec is the Pod in the objects of a result.
func theSpec(t *testing.T, r *Result) (podSpec, meta) {
	t.Helper()
	switch o := r.Objects[len(r.Objects)-1].(type) {
	case podObject:
		return o.Spec, o.Metadata
	case sandbox:
		return o.Spec.PodTemplate.Spec, o.Spec.PodTemplate.Metadata
	}
	t.Fatalf("the last object is no Pod: %+v", r.Objects)
	return podSpec{}, meta{}
}

func podman(in *Input) { in.Engine, in.Policies, in.Claim = Podman, PolicyNone, "" }

// everyForm are all ways to write a Pod.
var everyForm = map[string]func(*Input){
	"plain":        nil,
	"plain-cilium": func(in *Input) { in.Policies = PolicyCilium },
	"plain-profile": func(in *Input) {
		in.Profile, in.Certificates = true, "certificates"
	},
	"plain-git": func(in *Input) {
		in.Claim, in.Git, in.Certificates = "", "https://git.example/app.git#main", "certificates"
		in.Tracked = func(p string) bool { return strings.HasPrefix(p, ada+"/web") || p == ada+"/.env" }
	},
	"plain-sandbox": func(in *Input) { in.Kind = Sandbox },
	"plain-secret":  func(in *Input) { in.Secret, in.Certificates = "keys", "certificates" },
	"own": func(in *Input) {
		in.Form, in.Policies, in.Secret, in.Certificates = Own, PolicyNone, "keys", "certificates"
	},
	"own-cilium": func(in *Input) {
		in.Form, in.Policies, in.Secret, in.Certificates, in.Profile = Own, PolicyCilium, "keys", "certificates", true
	},
	"podman":     podman,
	"podman-own": func(in *Input) { podman(in); in.Form, in.Profile = Own, true },
}

// TestGolden: whole outputs, which hack/kube reads with the real types.
func TestGolden(t *testing.T) {
	for name, change := range everyForm {
		t.Run(name, func(t *testing.T) {
			j := config(t, "guarded-and-granted.json")
			with(t, j, func(c *network.Config) {
				c.Allow, c.Deny = []string{"10.1.0.0/16:5432"}, []string{"10.1.9.0/24", "203.0.113.7"}
			})
			if strings.HasSuffix(name, "cilium") {
				with(t, j, func(c *network.Config) {
					c.Mode, c.Allow = network.Filtered, []string{"github.com", "*.npmjs.org:*", "db.example:5432", "10.1.0.0/16:5432"}
				})
			}
			in := input(j, change)
			r := must(t, in)
			got, err := r.Encode(in.Engine)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("%s is not what is made now; look at it with -update and git diff", file)
			}
		})
	}
}

// TestEveryConfig: whatever a jail is, its Pod promises what both forms promise,
// and each of its mounts is there or named.
func TestEveryConfig(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(configs, "*.json"))
	if err != nil || len(files) < 30 {
		t.Fatalf("%q: %v", files, err)
	}
	for _, f := range files {
		if b := filepath.Base(f); strings.HasPrefix(b, "seccomp-") || b == "host-toolchain.json" {
			continue // a profile; programs of this machine, which are in no image
		}
		for form, change := range everyForm {
			t.Run(filepath.Base(f)+"/"+form, func(t *testing.T) {
				j := config(t, filepath.Base(f))
				in := input(j, change)
				r, err := Export(in)
				switch {
				case errors.Is(err, errNames): // only addresses can be said there
					if in.Form == Own || in.Policies == PolicyCilium || j.Network.Mode != network.Filtered && in.Secret == "" {
						t.Error(err)
					}
				case in.Git != "" && err != nil && strings.Contains(err.Error(), "would not let it clone"):
					if n := j.Network; n != nil && n.Rules().Connect("git.example", 443).OK {
						t.Error(err)
					}
				case err != nil:
					t.Fatal(err)
				default:
					promised(t, in, r)
				}
			})
		}
	}
}

func promised(t *testing.T, in Input, r *Result) {
	t.Helper()
	p, m := theSpec(t, r)
	if p.HostUsers || p.AutomountServiceAccountToken || p.EnableServiceLinks || p.RestartPolicy != "Never" || !p.SecurityContext.RunAsNonRoot || p.SecurityContext.RunAsUser == 0 {
		t.Errorf("%+v", p)
	}
	for _, c := range append(slices.Clone(p.InitContainers), p.Containers...) {
		s := c.SecurityContext
		if s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) || c.Image != in.Image {
			t.Errorf("%+v", c)
		}
		if (s.ProcMount != "") != (in.Form == Own && c.Name == "agent") {
			t.Errorf("%s: procMount %q", c.Name, s.ProcMount)
		}
	}
	text, err := r.Encode(in.Engine)
	if err != nil {
		t.Fatal(err)
	}
	// podman 4.3 refuses a longer one.
	for name, v := range m.Annotations {
		if in.Engine == Podman && len(v) > 63 {
			t.Errorf("podman refuses the annotation %s: %q", name, v)
		}
	}
	// Nobody's home but the image's, and nobody's placeholder, but in notes.
	plain := strings.ReplaceAll(string(text), strings.Trim(mustJSON(t, m.Annotations[notesAnnotation]), `"`), "")
	for _, foreign := range []string{"/home/ada", "placeholder-for", "broker.internal", "198.18.0.1"} {
		if in.Secret != "" && foreign == "placeholder-for" {
			continue // TestKeys
		}
		if strings.Contains(plain, foreign) && (in.Engine != Podman || foreign != "/home/ada") {
			t.Errorf("%q is in it", foreign)
		}
	}
	for _, n := range r.Notes {
		said := strings.Contains(m.Annotations[notesAnnotation]+"\n", n.String()+"\n")
		if in.Engine == Podman {
			said = strings.Contains(string(text), "# not carried: "+n.String()+"\n")
		}
		if !said {
			t.Errorf("the Pod does not say %q", n)
		}
	}
	mounts := p.Containers[0].VolumeMounts
	seen := map[string]bool{}
	for _, v := range mounts {
		if seen[v.MountPath] {
			t.Errorf("two mounts on %s", v.MountPath)
		}
		seen[v.MountPath] = true
		if !slices.ContainsFunc(p.Volumes, func(o volume) bool { return o.Name == v.Name }) {
			t.Errorf("%+v has no volume", v)
		}
	}
	names := map[string]bool{}
	for _, v := range p.Volumes {
		if names[v.Name] || !regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`).MatchString(v.Name) {
			t.Errorf("a volume %q", v.Name)
		}
		names[v.Name] = true
		if in.Engine == Kubernetes && v.HostPath != nil {
			t.Errorf("a folder of the node: %+v", v)
		}
	}
	if in.Form == Own {
		return
	}
	said := annotation(r.Notes)
	at := (&export{in: in}).place
	for _, m := range in.Jail.Spec.Mounts {
		d := at(m.Destination)
		if contract.InFrame(m.Destination) && m.Destination != "/dev/shm" || paths.Below(m.Destination, storepath.Dir+"/") || paths.Below(m.Destination, storepath.Dir) && m.Destination != storepath.Dir {
			continue
		}
		i := slices.IndexFunc(mounts, func(v volumeMount) bool { return v.MountPath == d })
		if i < 0 {
			if !strings.Contains(said, d) {
				t.Errorf("%s is neither mounted nor named", d)
			}
			continue
		}
		if slices.Contains(m.Options, "ro") && !mounts[i].ReadOnly {
			t.Errorf("%s can be written", d)
		}
	}
	for _, h := range in.Jail.Spec.Linux.MaskedPaths {
		if paths.Below(h, in.Here.Project) && !seen[at(h)] && (in.Git == "" || in.Tracked(h)) {
			t.Errorf("%s is not hidden", at(h))
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(text)
}

// carried says for every field that a config.json may have what becomes of it in
// a plain Pod: the field of the Pod, or "note" for those that a note names.
var carried = map[string]string{
	"ociVersion": "of the format", "hostname": "hostname", "annotations": "each by its own name (dropped, reaches)",
	"hooks":               "of the network",
	"hooks.createRuntime": "of the network", "hooks.createRuntime.path": "of the network", "hooks.createRuntime.args": "of the network",
	"hooks.createContainer": "of the network", "hooks.createContainer.path": "of the network", "hooks.createContainer.args": "of the network",
	"hooks.poststop": "of the network", "hooks.poststop.path": "of the network", "hooks.poststop.args": "of the network",
	"root": "image", "root.path": "image", "root.readonly": "readOnlyRootFilesystem",
	"process": "containers", "process.terminal": "tty", "process.args": "command", "process.env": "env", "process.cwd": "workingDir",
	"process.noNewPrivileges": "allowPrivilegeEscalation",
	"process.user":            "securityContext", "process.user.uid": "of the user namespace", "process.user.gid": "of the user namespace",
	"process.user.additionalGids": "note", "process.user.umask": "note",
	"process.capabilities": "capabilities", "process.capabilities.bounding": "capabilities", "process.capabilities.effective": "capabilities",
	"process.capabilities.permitted": "capabilities", "process.capabilities.inheritable": "capabilities", "process.capabilities.ambient": "capabilities",
	"process.rlimits": "note", "process.rlimits.type": "note", "process.rlimits.hard": "note", "process.rlimits.soft": "note",
	"mounts": "volumeMounts, or a note (TestEveryConfig)", "mounts.destination": "mountPath", "mounts.type": "volumes", "mounts.source": "volumes", "mounts.options": "note",
	"linux": "", "linux.maskedPaths": "note", "linux.readonlyPaths": "the engine's own",
	"linux.namespaces": "the engine's own", "linux.namespaces.type": "the engine's own", "linux.namespaces.path": "the engine's own",
	"linux.uidMappings": "hostUsers", "linux.uidMappings.containerID": "hostUsers", "linux.uidMappings.hostID": "hostUsers", "linux.uidMappings.size": "hostUsers",
	"linux.gidMappings": "hostUsers", "linux.gidMappings.containerID": "hostUsers", "linux.gidMappings.hostID": "hostUsers", "linux.gidMappings.size": "hostUsers",
	"linux.resources": "resources", "linux.resources.memory": "resources", "linux.resources.memory.limit": "resources", "linux.resources.memory.swap": "note",
	"linux.resources.pids": "note", "linux.resources.pids.limit": "note",
	"linux.resources.cpu": "resources", "linux.resources.cpu.quota": "resources", "linux.resources.cpu.period": "resources",
	"linux.seccomp": "note", "linux.seccomp.defaultAction": "note", "linux.seccomp.defaultErrnoRet": "note", "linux.seccomp.architectures": "note",
	"linux.seccomp.syscalls": "note", "linux.seccomp.syscalls.names": "note", "linux.seccomp.syscalls.action": "note",
	"linux.seccomp.syscalls.errnoRet": "note", "linux.seccomp.syscalls.args": "note", "linux.seccomp.syscalls.args.index": "note",
	"linux.seccomp.syscalls.args.value": "note", "linux.seccomp.syscalls.args.valueTwo": "note", "linux.seccomp.syscalls.args.op": "note",
}

// TestEveryField: a field that a config.json may have one day needs a decision
// here, and those that the form cannot carry are named.
func TestEveryField(t *testing.T) {
	for _, f := range contract.KnownFields() {
		if _, ok := carried[f]; !ok {
			t.Errorf("nobody has said what becomes of %s in a Pod", f)
		}
	}
	j := config(t, "everything.json")
	var umask uint32 = 0o77
	limit, swap, pids, quota, period := int64(1<<30), int64(1<<30), int64(100), int64(150_000), uint64(100_000)
	j.Spec.Process.User.Umask, j.Spec.Process.User.AdditionalGids = &umask, []uint32{4}
	j.Spec.Process.Rlimits = append(j.Spec.Process.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_FSIZE", Hard: 1, Soft: 1})
	j.Spec.Linux.Resources = &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &limit, Swap: &swap}, Pids: &specs.LinuxPids{Limit: &pids}, CPU: &specs.LinuxCPU{Quota: &quota, Period: &period},
	}
	for _, a := range []string{"names", "links", "changes", "terminal"} {
		j.Spec.Annotations[prefix+a] = "{}"
	}
	r := must(t, input(j, nil))
	for f, fate := range carried {
		if fate == "note" && !slices.ContainsFunc(r.Notes, func(n note) bool { return strings.HasPrefix(f, n.Field) || strings.HasPrefix(n.Field, f) }) {
			t.Errorf("%s is not named", f)
		}
	}
	p, _ := theSpec(t, r)
	if l := p.Containers[0].Resources.Limits; l["memory"] != "1073741824" || l["cpu"] != "1500m" {
		t.Errorf("limits: %v", l)
	}
	for _, a := range []string{"watch", "names", "links", "repositories", "changes", "terminal"} {
		if !slices.ContainsFunc(r.Notes, func(n note) bool { return n.Field == "annotations."+a }) {
			t.Errorf("the annotation %s is not named", a)
		}
	}
}

// TestRefused: what has no Pod is refused, with what to do about it.
func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*Input){
		"needs an image":                   func(in *Input) { in.Image = "" },
		"where does the project come from": func(in *Input) { in.Claim = "" },
		"not from both":                    func(in *Input) { in.Git = "https://git.example/a" },
		`--form "most" is not known`:       func(in *Input) { in.Form = "most" },
		`--engine "docker" is not known`:   func(in *Input) { in.Engine = "docker" },
		`--kind "Job" is not known`:        func(in *Input) { in.Kind = "Job" },
		"cannot be the name of a Pod":      func(in *Input) { in.Name = "a_b" },
		`a" cannot be the name of a Pod`:   func(in *Input) { in.Name = strings.Repeat("a", 53) },
		`cannot be the name of an object`:  func(in *Input) { in.Secret = strings.Repeat("a", 254) },
		`--volume: "../a" cannot be`:       func(in *Input) { in.Claim = "../a" },
		`--secret: "a; b" cannot be`:       func(in *Input) { in.Secret = "a; b" },
		`--certificates: "A" cannot be`:    func(in *Input) { in.Certificates = "A" },
		"no container running beside":      func(in *Input) { podman(in); in.Secret = "keys" },
		"a broker trusts no service":       func(in *Input) { in.Secret = "keys" },
		"podman knows no Sandbox":          func(in *Input) { podman(in); in.Kind = Sandbox },
		"podman has no network policies":   func(in *Input) { in.Engine = Podman },
		"is no https URL":                  func(in *Input) { in.Claim, in.Git = "", "git@github.com:a/b" },
		"a user or a password":             func(in *Input) { in.Claim, in.Git = "", "https://me:hunter2@git.example/a" },
		"would not let it clone": func(in *Input) {
			in.Jail, in.Claim, in.Git = config(t, "net-none.json"), "", "https://git.example/a"
		},
		"is no branch or tag":      func(in *Input) { in.Claim, in.Git = "", "https://git.example/a#--upload-pack=x" },
		"podman 4 ignores subPath": func(in *Input) { podman(in); in.Git = "https://git.example/a" },
		"there is a colon in it": func(in *Input) {
			in.Jail.Spec.Linux.MaskedPaths = append(in.Jail.Spec.Linux.MaskedPaths, ada+"/a:b")
		},
		"not /.jail/init": func(in *Input) { in.Jail.Spec.Process.Args = []string{"/bin/sh"} },
	} {
		t.Run(want, func(t *testing.T) {
			_, err := Export(input(config(t, "export.json"), change))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("%v", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error has a password: %v", err)
			}
		})
	}
}

// TestNames: names that a NetworkPolicy cannot say are refused by name, and
// nothing wider is written in their place.
func TestNames(t *testing.T) {
	filtered := func(allow ...string) *contract.Jail {
		j := config(t, "net-filtered.json")
		with(t, j, func(c *network.Config) { c.Mode, c.Allow, c.Deny = network.Filtered, allow, nil })
		return j
	}
	_, err := Export(input(filtered("github.com", "10.0.0.0/8", "*.example.com:22"), nil))
	if !errors.Is(err, errNames) || !strings.Contains(err.Error(), "github.com, *.example.com:22") || strings.Contains(err.Error(), "10.0.0.0") {
		t.Errorf("%v", err)
	}
	r := must(t, input(filtered("10.0.0.0/8", "192.168.7.7:22"), nil))
	egress := r.Objects[0].(networkPolicy).Spec.Egress
	if len(egress) != 2 || egress[0].To[0].IPBlock.CIDR != "10.0.0.0/8" || egress[0].Ports[0] != (policyPort{"TCP", 443}) ||
		egress[1].To[0].IPBlock.CIDR != "192.168.7.7/32" || egress[1].Ports[0] != (policyPort{"TCP", 22}) {
		t.Errorf("%+v", egress)
	}
	// Nothing allowed is nothing reached, by both.
	for _, kind := range []string{PolicyKubernetes, PolicyCilium} {
		for name, j := range map[string]*contract.Jail{"filtered": filtered(), "none": config(t, "net-none.json")} {
			r := must(t, input(j, func(in *Input) { in.Policies = kind }))
			text := mustJSON(t, r.Objects[0])
			if strings.Contains(text, "cidr") || strings.Contains(text, "Port") || strings.Contains(text, `"to"`) || !strings.Contains(text, "gress") {
				t.Errorf("%s, %s: %s", kind, name, text)
			}
			// An empty list would select nothing, an empty rule denies the rest.
			if c, ok := r.Objects[0].(ciliumPolicy); ok && (len(c.Spec.Ingress) != 1 || len(c.Spec.Egress) != 1) {
				t.Errorf("%s, %s: %s", kind, name, text)
			}
		}
	}
	// What "deny" takes away is not allowed, or it is named.
	j := filtered("a.example", "*.b.example")
	with(t, j, func(c *network.Config) { c.Deny = []string{"a.example", "x.b.example"} })
	r = must(t, input(j, func(in *Input) { in.Policies = PolicyCilium }))
	if text := mustJSON(t, r.Objects[0]); strings.Contains(text, "a.example") || !strings.Contains(text, "**.b.example") {
		t.Errorf("%s", text)
	}
	if said := annotation(r.Notes); !strings.Contains(said, "x.b.example stays reachable") || !strings.Contains(said, "a.example is left out") {
		t.Error(said)
	}
	if !strings.Contains(annotation(r.Notes), "a name is reached wherever it leads") {
		t.Error("that a name may lead to a private address is not named")
	}
	// This machine is nothing that a cluster has, by whatever kind of policy.
	for _, kind := range []string{PolicyKubernetes, PolicyCilium} {
		r := must(t, input(filtered("10.0.0.0/8", "host:5432"), func(in *Input) { in.Policies = kind }))
		if text := mustJSON(t, r.Objects[0]); strings.Contains(text, "5432") || !strings.Contains(annotation(r.Notes), "host:5432 is left out") {
			t.Errorf("%s: %s", kind, text)
		}
	}
	j = filtered("10.0.0.0/8:22")
	with(t, j, func(c *network.Config) { c.Deny = []string{"10.1.9.0/24:22", "10.1.9.0/24:80", "192.168.0.0/16:22"} })
	if said := annotation(must(t, input(j, nil)).Notes); !strings.Contains(said, "10.1.9.0/24:22 stays reachable") || strings.Contains(said, "10.1.9.0/24:80") || strings.Contains(said, "192.168.0.0") {
		t.Error(said)
	}
}

// TestInternet: neither the cluster's own addresses nor the metadata of a cloud
// are of the internet.
func TestInternet(t *testing.T) {
	j := config(t, "export.json")
	with(t, j, func(c *network.Config) { c.Deny = []string{"9.9.9.0/24"} })
	r := must(t, input(j, nil))
	egress := r.Objects[0].(networkPolicy).Spec.Egress
	for _, closed := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "100.64.0.0/10", "9.9.9.0/24"} {
		if !slices.Contains(egress[1].To[0].IPBlock.Except, closed) {
			t.Errorf("%s is reached", closed)
		}
	}
	if e := egress[1].To[1].IPBlock; e.CIDR != "::/0" || !slices.Contains(e.Except, "fc00::/7") || slices.Contains(e.Except, "9.9.9.0/24") {
		t.Errorf("%+v", e)
	}
	for _, p := range egress[1].Ports {
		if p.Protocol != "TCP" {
			t.Errorf("%+v", p)
		}
	}
}

// TestValues: a kubelet replaces $(NAME) in arguments and values, podman does
// not; and places of this machine are those of the image.
func TestValues(t *testing.T) {
	for engine, want := range map[string]string{Kubernetes: "$$(HOME) $$$$", Podman: "$(HOME) $$"} {
		j := config(t, "export.json")
		j.Spec.Process.Args = append(j.Spec.Process.Args, "$(HOME) $$")
		j.Spec.Process.Env = append(j.Spec.Process.Env, "X=$(HOME) $$", "Y=/home/ada/a:/home/adam/b,-D=/home/ada/c:/x/home/ada", "Z=/home/ada/src/app/z")
		p, _ := theSpec(t, must(t, input(j, func(in *Input) {
			if engine == Podman {
				podman(in)
			}
		})))
		c := p.Containers[0]
		if got := c.Command[len(c.Command)-1]; got != want {
			t.Errorf("%s: %q, not %q", engine, got, want)
		}
		env := map[string]string{}
		for _, v := range c.Env {
			env[v.Name] = v.Value
		}
		for name, want := range map[string]string{"X": want, "Y": "/home/agent/a:/home/adam/b,-D=/home/agent/c:/x/home/ada", "Z": "/home/agent/project/z", "HOME": "/home/agent", "USER": "agent"} {
			if env[name] != want {
				t.Errorf("%s: %s=%q, not %q", engine, name, env[name], want)
			}
		}
	}
}

// TestKeys: no key is in a Pod; one of a Secret is the runtime's alone.
func TestKeys(t *testing.T) {
	r := must(t, input(config(t, "export.json"), everyForm["plain-secret"]))
	p, _ := theSpec(t, r)
	b := config(t, "export.json").Network.Brokers[0]
	for _, v := range p.Containers[0].Env {
		switch v.Name {
		case "ANTHROPIC_API_KEY":
			if v.Value != b.Placeholder() || v.ValueFrom != nil {
				t.Errorf("the agent has %+v", v)
			}
		case "ANTHROPIC_BASE_URL":
			if v.Value != "http://127.0.0.1:10080" {
				t.Errorf("the agent has %+v", v)
			}
		}
		if v.ValueFrom != nil {
			t.Errorf("the agent has %+v", v)
		}
	}
	c := p.InitContainers[0]
	if c.RestartPolicy != "Always" || c.Env[0].Name != "ANTHROPIC_API_KEY" || *c.Env[0].ValueFrom != (envSource{keyRef{"keys", "ANTHROPIC_API_KEY"}}) ||
		strings.Join(c.Command, " ") != "/usr/bin/jailed-claude hook brokers 127.0.0.1:10080 /etc/jailed-claude.d/brokers.json" {
		t.Errorf("%+v", c)
	}
	var served []network.Broker
	if err := json.Unmarshal([]byte(r.Objects[0].(configMap).Data[brokersName]), &served); err != nil || len(served) != 1 || served[0].Check() != nil || served[0].Upstream != b.Upstream || !slices.Equal(served[0].Paths, b.Paths) {
		t.Errorf("%+v: %v", served, err)
	}
	// What it connects to has to be allowed to all of the Pod.
	j := config(t, "net-none.json")
	j.Network = config(t, "export.json").Network
	with(t, j, func(c *network.Config) { c.Mode = network.None })
	if _, err := Export(input(j, everyForm["plain-secret"])); !errors.Is(err, errNames) {
		t.Errorf("a NetworkPolicy with the name of a broker: %v", err)
	}
	r = must(t, input(j, func(in *Input) { everyForm["plain-secret"](in); in.Policies = PolicyCilium }))
	if text := mustJSON(t, r.Objects[1]); !strings.Contains(text, `"matchName": "api.anthropic.com"`) {
		t.Error(text)
	}

	r = must(t, input(config(t, "export.json"), everyForm["own"]))
	p, _ = theSpec(t, r)
	if e := p.Containers[0].Env; len(e) != 1 || e[0].Name != "ANTHROPIC_API_KEY" || e[0].Value != "" || *e[0].ValueFrom != (envSource{keyRef{"keys", "ANTHROPIC_API_KEY"}}) {
		t.Errorf("%+v", e)
	}
	for name, change := range map[string]func(*Input){"plain": nil, "own without a Secret": func(in *Input) { in.Form, in.Policies = Own, PolicyNone }} {
		r := must(t, input(config(t, "export.json"), change))
		if text := mustJSON(t, r.Objects); strings.Contains(text, `"name": "ANTHROPIC`) {
			t.Errorf("%s: %s", name, text)
		}
		if !slices.ContainsFunc(r.Notes, func(n note) bool { return n.Field == "annotations.network.brokers" }) {
			t.Errorf("%s: the key is not named: %q", name, r.Notes)
		}
	}
}

// TestYAML: JSON may have characters that YAML may not.
func TestYAML(t *testing.T) {
	r := Result{Objects: []any{meta{Name: "a\u007f\u0085\u009fé☃<&"}, meta{}}, Notes: []note{{"a", "b"}}}
	text, err := r.Encode(Podman)
	if err != nil {
		t.Fatal(err)
	}
	if want := "# not carried: a: b\n{\n  \"name\": \"a\\u007f\\u0085\\u009fé☃<&\"\n}\n---\n{}\n"; string(text) != want {
		t.Errorf("%q, not %q", text, want)
	}
}

// TestSameBytes: equal jails give equal Pods.
func TestSameBytes(t *testing.T) {
	for name, change := range everyForm {
		var first []byte
		for range 5 {
			in := input(config(t, "guarded.json"), change)
			r, err := Export(in)
			if err != nil {
				break // TestEveryConfig looks at it
			}
			text, err := r.Encode(in.Engine)
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = text
			}
			if string(first) != string(text) {
				t.Fatalf("%s: two outputs", name)
			}
		}
	}
}
