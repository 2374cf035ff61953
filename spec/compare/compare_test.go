package compare

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
)

// plain is a small configuration with a bit of everything.
func plain() *specs.Spec {
	ro, rw := []string{"rbind", "ro", "nosuid", "nodev", "rro"}, []string{"rbind", "rw", "nosuid", "nodev"}
	limit := int64(1 << 30)
	return &specs.Spec{
		Version: contract.OCIVersion, Hostname: "jail", Root: &specs.Root{Path: "rootfs", Readonly: true},
		Annotations: map[string]string{contract.WatchAnnotation: `{"/p/.envrc":"direnv"}`},
		Process: &specs.Process{
			Args: []string{contract.InitPath, "--", "claude"}, Env: []string{"PATH=/bin", "TOKEN=secret"}, Cwd: "/p", NoNewPrivileges: true,
			Capabilities: &specs.LinuxCapabilities{Bounding: []string{}},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 512}},
		},
		Mounts: []specs.Mount{
			{Destination: "/home/u", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "size=1g"}},
			{Destination: "/p", Type: "bind", Source: "/p", Options: rw},
			{Destination: "/p/.git", Type: "bind", Source: "/p/.git", Options: rw},
			{Destination: "/p/.git/hooks", Type: "bind", Source: "/p/.git/hooks", Options: ro},
		},
		Linux: &specs.Linux{
			Namespaces:  []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}},
			MaskedPaths: []string{"/proc/kcore"}, ReadonlyPaths: []string{"/proc/sys"},
			UIDMappings: []specs.LinuxIDMapping{{HostID: 1000, Size: 1}},
			Resources:   &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit, Swap: new(limit)}},
			Seccomp: &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{
				{Names: []string{"read", "write"}, Action: specs.ActAllow},
				{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: new(uint(38))},
			}},
		},
	}
}

func annotated(text string) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Annotations[contract.NetworkAnnotation] = text }
}

// TestCompareWithHostNetwork: whatever the rules are, the host's network is
// more; but for the secret of a broker.
func TestCompareWithHostNetwork(t *testing.T) {
	host, ruled := plain(), plain()
	host.Linux.Namespaces = host.Linux.Namespaces[:1]
	annotated(`{"mode":"internet","via":"proxy","tls":"any","allow":["10.0.0.0/8"],"ports":[80],"brokers":[{"name":"a"}]}`)(ruled)
	var texts [2][]byte
	for i, s := range []*specs.Spec{host, ruled} {
		var err error
		if texts[i], err = json.Marshal(s); err != nil {
			t.Fatal(err)
		}
	}
	changes, err := Configs(texts[0], texts[1])
	want := []string{"+network.brokers a", "-linux.namespaces network", "-network.allow 10.0.0.0/8", "-network.mode", "-network.ports 80", "-network.tls", "-network.via"}
	if got := short(changes); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, want %q (%v)", got, want, err)
	}
	changes, err = Configs(texts[1], texts[0])
	if got := short(changes); err != nil || !slices.Contains(got, "+network.mode") || !slices.Contains(got, "+linux.namespaces network") {
		t.Errorf("got %q (%v)", got, err)
	}
}

func bind(path string) specs.Mount {
	return specs.Mount{Destination: path, Type: "bind", Source: path, Options: []string{"rbind", "ro", "nosuid", "nodev", "rro"}}
}

func TestCompare(t *testing.T) {
	// Each change is made to plain; want is what differs, with "+" if that
	// widens. back is the same the other way round.
	for name, c := range map[string]struct {
		change     func(s *specs.Spec)
		want, back []string
	}{
		"nothing":  {func(*specs.Spec) {}, nil, nil},
		"hostname": {func(s *specs.Spec) { s.Hostname = "x" }, []string{"-hostname"}, []string{"-hostname"}},
		"the clipboard": {
			func(s *specs.Spec) { s.Annotations[contract.TerminalAnnotation] = contract.TerminalClipboardWrite },
			[]string{"+annotations." + contract.TerminalAnnotation},
			[]string{"-annotations." + contract.TerminalAnnotation},
		},
		"a mount of the host": {
			func(s *specs.Spec) { s.Mounts = append(s.Mounts, bind("/etc")) },
			[]string{"+mounts /etc"},
			[]string{"-mounts /etc"},
		},
		"a mount over the home": {
			func(s *specs.Spec) { s.Mounts = append(s.Mounts, bind("/home/u/x")) },
			[]string{"+mounts /home/u/x"},
			[]string{"-mounts /home/u/x"},
		},
		"something protected": {
			func(s *specs.Spec) { s.Mounts = append(s.Mounts, bind("/p/infra")) },
			[]string{"-mounts /p/infra"},
			[]string{"+mounts /p/infra"},
		},
		"protected no more": {func(s *specs.Spec) { s.Mounts = s.Mounts[:3] }, []string{"+mounts /p/.git/hooks"}, []string{"-mounts /p/.git/hooks"}},
		"a pin":             {func(s *specs.Spec) { s.Mounts = slices.Delete(s.Mounts, 2, 3) }, []string{"+mounts /p/.git"}, []string{"-mounts /p/.git"}},
		"another order": {
			func(s *specs.Spec) { s.Mounts[1], s.Mounts[3] = s.Mounts[3], s.Mounts[1] },
			[]string{"+mounts /p/.git/hooks"},
			[]string{"-mounts /p/.git/hooks"},
		},
		"read-only": {
			func(s *specs.Spec) { s.Mounts[1].Options = strings.Split("rbind,ro,nosuid,nodev,rro", ",") },
			[]string{"-mounts /p"},
			[]string{"+mounts /p"},
		},
		"a project that is read-only": {
			func(s *specs.Spec) {
				s.Annotations = nil
				s.Mounts = []specs.Mount{s.Mounts[0], bind("/p")}
			},
			[]string{"-mounts /p", "-mounts /p/.git", "-mounts /p/.git/hooks", "-watched /p/.envrc"},
			[]string{"+mounts /p", "+mounts /p/.git", "-mounts /p/.git/hooks", "-watched /p/.envrc"},
		},
		"suid":         {func(s *specs.Spec) { s.Mounts[1].Options = strings.Split("rbind,rw,nodev", ",") }, []string{"+mounts /p"}, []string{"-mounts /p"}},
		"other source": {func(s *specs.Spec) { s.Mounts[1].Source = "/q" }, []string{"+mounts /p"}, []string{"+mounts /p"}},
		"sysfs": {
			func(s *specs.Spec) {
				s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"ro", "nosuid", "nodev", "noexec"}})
			},
			[]string{"+mounts /sys"},
			[]string{"-mounts /sys"},
		},
		"variable":       {func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "X=secret") }, []string{"+process.env X"}, []string{"-process.env X"}},
		"value":          {func(s *specs.Spec) { s.Process.Env[1] = "TOKEN=secret2" }, []string{"+process.env TOKEN"}, []string{"+process.env TOKEN"}},
		"arguments":      {func(s *specs.Spec) { s.Process.Args[2] = "sh" }, []string{"+process.args"}, []string{"+process.args"}},
		"privileges":     {func(s *specs.Spec) { s.Process.NoNewPrivileges = false }, []string{"+process.noNewPrivileges"}, []string{"-process.noNewPrivileges"}},
		"capability":     {func(s *specs.Spec) { s.Process.Capabilities.Bounding = []string{"CAP_SYS_ADMIN"} }, []string{"+process.capabilities.bounding CAP_SYS_ADMIN"}, []string{"-process.capabilities.bounding CAP_SYS_ADMIN"}},
		"network":        {func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[:1] }, []string{"+linux.namespaces network", "+network.mode"}, []string{"-linux.namespaces network", "-network.mode"}},
		"somebody's":     {func(s *specs.Spec) { s.Linux.Namespaces[1].Path = "/proc/1/ns/net" }, []string{"+linux.namespaces network"}, []string{"-linux.namespaces network"}},
		"masked":         {func(s *specs.Spec) { s.Linux.MaskedPaths = nil }, []string{"+linux.maskedPaths /proc/kcore"}, []string{"-linux.maskedPaths /proc/kcore"}},
		"read-only path": {func(s *specs.Spec) { s.Linux.ReadonlyPaths = nil }, []string{"+linux.readonlyPaths /proc/sys"}, []string{"-linux.readonlyPaths /proc/sys"}},
		"rlimit":         {func(s *specs.Spec) { s.Process.Rlimits[0].Hard = 4096 }, []string{"+process.rlimits RLIMIT_NOFILE"}, []string{"-process.rlimits RLIMIT_NOFILE"}},
		"no rlimit":      {func(s *specs.Spec) { s.Process.Rlimits = nil }, []string{"+process.rlimits RLIMIT_NOFILE"}, []string{"-process.rlimits RLIMIT_NOFILE"}},
		"no limit":       {func(s *specs.Spec) { s.Linux.Resources = nil }, []string{"+linux.resources.memory.limit", "+linux.resources.memory.swap"}, []string{"-linux.resources.memory.limit", "-linux.resources.memory.swap"}},
		"swap": {
			func(s *specs.Spec) { s.Linux.Resources.Memory.Swap = new(*s.Linux.Resources.Memory.Limit * 2) },
			[]string{"+linux.resources.memory.swap"},
			[]string{"-linux.resources.memory.swap"},
		},
		"unlimited": {
			func(s *specs.Spec) { s.Linux.Resources.Memory.Limit = new(int64(-1)) },
			[]string{"+linux.resources.memory.limit"},
			[]string{"-linux.resources.memory.limit"},
		},
		"system call": {
			func(s *specs.Spec) { s.Linux.Seccomp.Syscalls[0].Names = []string{"read", "write", "mount"} },
			[]string{"+linux.seccomp.syscalls mount: ALLOW"},
			[]string{"-linux.seccomp.syscalls mount: ALLOW"},
		},
		"a refusal less": {
			func(s *specs.Spec) { s.Linux.Seccomp.Syscalls = s.Linux.Seccomp.Syscalls[:1] },
			[]string{"+linux.seccomp.syscalls clone3: ERRNO 38"},
			[]string{"-linux.seccomp.syscalls clone3: ERRNO 38"},
		},
		"default action": {
			func(s *specs.Spec) { s.Linux.Seccomp.DefaultAction = specs.ActAllow },
			[]string{"+linux.seccomp.defaultAction"},
			[]string{"+linux.seccomp.defaultAction"},
		},
		"watched": {func(s *specs.Spec) { s.Annotations = nil }, []string{"+watched /p/.envrc"}, []string{"-watched /p/.envrc"}},
		"hook": {
			func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/sh"}}} },
			[]string{`+hooks.poststop {"path":"/bin/sh"}`},
			[]string{`-hooks.poststop {"path":"/bin/sh"}`},
		},
		"internet": {annotated(`{"mode":"internet","via":"redirect","tls":"strict"}`), []string{"+network.mode"}, []string{"-network.mode"}},
		"rules": {
			annotated(`{"mode":"filtered","via":"proxy","tls":"any","allow":["a.com"],"deny":["b.com"],"ports":[80]}`),
			[]string{"+network.allow a.com", "+network.mode", "+network.ports 80", "+network.tls", "+network.via", "-network.deny b.com"},
			[]string{"+network.deny b.com", "+network.via", "-network.allow a.com", "-network.mode", "-network.ports 80", "-network.tls"},
		},
		"a broker": {
			annotated(`{"mode":"none","via":"redirect","tls":"strict","brokers":[{"name":"a"}]}`),
			[]string{"+network.brokers a"},
			[]string{"-network.brokers a"},
		},
		"rules in an unknown language": {annotated(`[]`), []string{"+annotations." + contract.NetworkAnnotation}, []string{"+annotations." + contract.NetworkAnnotation}},
	} {
		t.Run(name, func(t *testing.T) {
			changed := plain()
			c.change(changed)
			for _, d := range []struct {
				a, b *specs.Spec
				want []string
			}{{plain(), changed, c.want}, {changed, plain(), c.back}} {
				a, err := json.Marshal(d.a)
				if err != nil {
					t.Fatal(err)
				}
				b, err := json.Marshal(d.b)
				if err != nil {
					t.Fatal(err)
				}
				changes, err := Configs(a, b)
				if err != nil {
					t.Fatal(err)
				}
				if got := short(changes); !slices.Equal(got, d.want) {
					t.Errorf("got %q, want %q", got, d.want)
				}
				for _, ch := range changes {
					if ch.Why == "" {
						t.Errorf("%v does not say why", ch)
					}
				}
				if text, err := json.Marshal(changes); err != nil || strings.Contains(string(text), "secret") {
					t.Errorf("the value of a variable is shown: %s, %v", text, err)
				}
			}
		})
	}
}

func short(changes []change.Change) (list []string) {
	for _, c := range changes {
		s := "-" + c.Key
		if c.Widens {
			s = "+" + c.Key
		}
		if c.Element != "" {
			s += " " + c.Element
		}
		list = append(list, s)
	}
	return list
}

func TestCompareRefuses(t *testing.T) {
	good, err := json.Marshal(plain())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "{", "[]", "{}", "null", `{"contract.OCIVersion":1}`, `{"ociVersion":"1","mounts":{"a":1}}`} {
		if _, err := Configs(good, []byte(bad)); !errors.Is(err, errNoConfig) {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := Configs([]byte(bad), good); !errors.Is(err, errNoConfig) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzCompare(f *testing.F) {
	good, err := json.Marshal(plain())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"contract.OCIVersion":"1","process":{"env":[null,1,{}],"args":[[]]},"linux":{"namespaces":[{}],"seccomp":{"syscalls":[{"names":7}]}},"mounts":[{"Destination":"a/../b"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if same, err := Configs(text, text); err == nil && len(same) != 0 {
			t.Errorf("it differs from itself: %v", same)
		}
		if _, err := Configs(good, text); err == nil {
			if _, err := Configs(text, good); err != nil {
				t.Error(err)
			}
		}
	})
}
