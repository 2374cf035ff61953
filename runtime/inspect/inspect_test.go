package inspect

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/mountinfo"
)

func TestCompareMounts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mountinfo")
	text := `36 35 98:0 / / ro,relatime - tmpfs tmpfs rw
37 36 98:0 /s /nix/store/x ro,nosuid,nodev,relatime - ext4 /dev/vda rw
38 36 98:0 /p /home/a\040b rw,nosuid,nodev - ext4 /dev/vda rw
42 36 98:0 /p /shared rw,nosuid,nodev shared:1 - ext4 /dev/vda rw
43 36 98:0 /p /slave rw,nosuid,nodev master:1 - ext4 /dev/vda rw
44 36 0:5 / /proc/sys ro,nosuid,nodev,noexec - proc proc rw
45 36 0:6 /null /proc/kcore rw,nosuid,noexec - devtmpfs devtmpfs rw
46 36 0:5 / /proc/irq rw,nosuid,nodev,noexec - proc proc rw
39 36 98:0 /p /home/a\040b/.git ro,nosuid,nodev - ext4 /dev/vda rw
40 36 98:0 /p /twice ro,nosuid,nodev - ext4 /dev/vda rw
41 36 98:0 /p /twice rw,nosuid,nodev - ext4 /dev/vda rw
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ro := []string{"ro", "nosuid", "nodev"}
	for _, tt := range []struct {
		name    string
		mount   specs.Mount
		missing bool
	}{
		{"store path", specs.Mount{Destination: "/nix/store/x", Options: ro}, false},
		{"a blank in the name", specs.Mount{Destination: "/home/a b", Options: []string{"rw", "nosuid"}}, false},
		{"read-only", specs.Mount{Destination: "/home/a b/.git", Options: ro}, false},
		{"writable where it shall not be", specs.Mount{Destination: "/home/a b", Options: ro}, true},
		{"not mounted", specs.Mount{Destination: "/absent", Options: ro}, true},
		{"covered by a writable one", specs.Mount{Destination: "/twice", Options: ro}, true},
		{"shared with the host", specs.Mount{Destination: "/shared", Options: []string{"rw"}}, true},
		{"fed by the host", specs.Mount{Destination: "/slave", Options: []string{"rw"}}, true},
		{"programs run where they shall not", specs.Mount{Destination: "/home/a b", Options: []string{"rw", "noexec"}}, true},
		{"a flag is missing", specs.Mount{Destination: "/", Options: []string{"ro", "nosuid"}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			have, err := mountinfo.Read(file, 1)
			if err != nil {
				t.Fatal(err)
			}
			var o observed
			o.compareMounts(have, []specs.Mount{tt.mount})
			if got := len(o.missing) > 0; got != tt.missing {
				t.Errorf("missing %v", o.missing)
			}
		})
	}
}

// TestCompareMasks: what a runtime shall have hidden or made read-only it has, if
// it exists.
func TestCompareMasks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mountinfo")
	text := `44 36 0:5 / /proc/sys ro,nosuid,nodev,noexec - proc proc rw
45 36 0:6 /null /proc/kcore rw,nosuid,noexec - devtmpfs devtmpfs rw
46 36 0:5 / /proc/irq rw,nosuid,nodev,noexec - proc proc rw
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, root       string
		masked, readonly []string
		missing          []string
	}{
		{"as it shall be", "ro,nodev", []string{"/proc/kcore"}, []string{"/proc/sys"}, nil},
		{"does not exist", "ro", []string{"/gone"}, []string{"/gone"}, nil},
		{"not masked", "ro", []string{"/proc/keys"}, nil, []string{`"/proc/keys"`}},
		{"not read-only", "ro", nil, []string{"/proc/irq"}, []string{`"/proc/irq"`}},
		{"neither", "ro", nil, []string{"/proc/bus"}, []string{`"/proc/bus"`}},
		{"writable root", "rw", nil, nil, []string{`"/"`}},
	} {
		have, err := mountinfo.Read(file, 1)
		have["/"] = tt.root
		var o observed
		s := &specs.Spec{Root: &specs.Root{Readonly: true}, Linux: &specs.Linux{MaskedPaths: tt.masked, ReadonlyPaths: tt.readonly}}
		o.compareMasks(have, s, func(p string) bool { return p != "/gone" })
		if err != nil || !slices.Equal(o.missing, tt.missing) {
			t.Errorf("%s: missing %v, %v", tt.name, o.missing, err)
		}
	}
}

// TestHolds: every protection that a user may require is one that inspect can
// see to be missing.
func TestHolds(t *testing.T) {
	good := observed{seccomp: true, filters: 2, capabilities: true, ownNetwork: true, limits: []string{"pids"}, landlock: true}
	for _, p := range Protections {
		if !good.holds(p) {
			t.Errorf("%s does not hold where all does", p)
		}
		if (observed{}).holds(p) {
			t.Errorf("%s holds where nothing does", p)
		}
	}
	if good.holds("surprise") {
		t.Error("an unknown protection holds")
	}
}

// TestRefuse: a jail in which one promise does not hold does not start.
func TestRefuse(t *testing.T) {
	good := observed{noNewPrivs: true, seccomp: true, filters: 2, capabilities: true}
	if err := good.refuse([]string{"seccomp", "userns", "caps"}); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*observed){
		"would have privileges":              func(o *observed) { o.noNewPrivs = false },
		"the agent would have privileges":    func(o *observed) { o.capabilities = false },
		"without seccomp":                    func(o *observed) { o.seccomp = false },
		"not mounted as":                     func(o *observed) { o.missing = []string{`"/nix/store/x"`} },
		"--require userns: it does not hold": func(o *observed) { o.filters = 1 },
	} {
		o := good
		change(&o)
		if err := o.refuse([]string{"userns"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := good.refuse([]string{"landlock"}); err == nil {
		t.Error("--require landlock holds without Landlock")
	}
	good.landlock = true
	if err := good.refuse([]string{"landlock"}); err != nil {
		t.Error(err)
	}
	// What a jail may go without is refused with the way to it.
	for _, p := range []string{"net", "limits"} {
		var e *hint.Error
		if err := good.refuse([]string{p}); !errors.As(err, &e) || len(e.Lines) != 1 {
			t.Errorf("--require %s: %v", p, err)
		}
	}
}

// TestMountsAreTheAgents: what was looked at has to be the namespace that the
// agent is in.
func TestMountsAreTheAgents(t *testing.T) {
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	a := Agent{
		PID:          os.Getpid(),
		HoldsNetwork: func(theirs, ours string) (bool, error) { return theirs == ours, nil },
		Limits:       func(int) ([]string, error) { return nil, nil },
	}
	for ns, want := range map[string]string{own: "", "mnt:[1]": "and PID 1 in mnt:[1]"} {
		found := make(chan Mounts, 1)
		found <- Mounts{ns: ns}
		a.Mounts = found
		_, err := a.observe()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", ns, err)
		}
	}
	gone := make(chan Mounts, 1)
	gone <- Mounts{ns: own, err: os.ErrNotExist}
	a.Mounts = gone
	if _, err := a.observe(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("mounts that could not be read: %v", err)
	}
}

func TestOtherNetworkIsRefused(t *testing.T) {
	o := observed{noNewPrivs: true, seccomp: true, capabilities: true, filters: 2}
	if err := o.refuse(nil); err != nil {
		t.Fatal(err)
	}
	o.otherNetwork = true
	if err := o.refuse(nil); err == nil || !strings.Contains(err.Error(), "not the one that was set up") {
		t.Error(err)
	}
}

// TestCompareLayers: a layer without userxattr is mounted too, and fails later.
func TestCompareLayers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mountinfo")
	text := `36 35 98:0 / /a rw,nosuid,nodev - overlay overlay rw,lowerdir=/proc/self/fd/5,redirect_dir=nofollow,userxattr
37 36 98:0 / /b rw,nosuid,nodev - overlay overlay rw,lowerdir=/x/userxattr,index=off
38 36 98:0 / /c rw,nosuid,nodev - ext4 /dev/vda rw,userxattr
39 36 98:0 / /d rw,nosuid,nodev - overlay overlay rw,userxattr
40 36 98:0 / /d rw,nosuid,nodev - overlay overlay rw
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for place, missing := range map[string]bool{"/a": false, "/b": true, "/c": true, "/d": true, "/e": true} {
		var m Mounts
		if err := m.compareLayers(file, []specs.Mount{{Destination: place, Type: "overlay"}, {Destination: "/x", Type: "bind"}}); err != nil {
			t.Fatal(err)
		}
		if (len(m.missing) > 0) != missing {
			t.Errorf("%s: %q", place, m.missing)
		}
	}
}
