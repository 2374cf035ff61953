package supervisor

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/spec"
)

// everyField is a configuration with everything in it that a jail's has.
const everyField = `{
	"ociVersion": "1.0.2", "hostname": "jail", "root": {"path": "rootfs", "readonly": true}, "annotations": {"a": "b"},
	"process": {"terminal": true, "args": ["a"], "env": ["A=b"], "cwd": "/", "noNewPrivileges": true, "user": {"uid": 0, "gid": 0},
		"capabilities": {"bounding": ["a"], "effective": ["a"], "permitted": ["a"], "inheritable": ["a"], "ambient": ["a"]},
		"rlimits": [{"type": "a", "hard": 1, "soft": 1}]},
	"mounts": [{"destination": "/a", "type": "bind", "source": "/a", "options": ["ro"]}],
	"linux": {"maskedPaths": ["/a"], "readonlyPaths": ["/a"], "namespaces": [{"type": "pid"}],
		"uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 0, "size": 1}],
		"resources": {"memory": {"limit": 1}, "pids": {"limit": 1}, "cpu": {"quota": 1, "period": 1}},
		"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["a"],
			"syscalls": [{"names": ["a"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1,
				"args": [{"index": 0, "value": 1, "valueTwo": 1, "op": "SCMP_CMP_EQ"}]}]}}}`

// enoughFiles is more than this half has open while it waits.
const enoughFiles = 64

// idle says whether this half may do something while it waits: the Go runtime
// crashes where it cannot open what it waits with. The other half says what is
// wrong then.
func idle() bool {
	var files unix.Rlimit
	return unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil && files.Cur >= enoughFiles
}

// netNSAhead makes a network namespace while this half waits, as nearly every
// jail needs one: the kernel takes most of a millisecond. It is nil where none
// could be made; whoever needs it tries again and says why.
func netNSAhead() <-chan *os.File {
	made := make(chan *os.File, 1)
	go func() {
		ns, _ := newNetNS()
		made <- ns
	}()
	return made
}

// warm makes what packages make once, while this half has nothing to do but wait
// for the other: 3 ms that every start would spend after it. Nothing depends on
// it.
func warm() {
	// What the kernel knows of pidfds, and where the host mounts cgroups.
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Release()
	}
	_, _ = manager.New(&cgroups.Cgroup{Parent: "/", Name: "none", Rootless: true, Resources: &cgroups.Resources{}})
	// What package encoding/json makes of a type when it first meets it.
	if s, err := bundle.Unmarshal(strings.NewReader(everyField)); err == nil {
		_ = spec.Check(s)
	}
	_ = json.Unmarshal([]byte("{}"), new(handover))
	_, _ = json.Marshal(new(configs.Config)) // libcontainer writes it
}
