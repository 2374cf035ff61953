package portable

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

func file(j *contract.Jail, p string) *contract.File {
	for i := range j.Rootfs {
		if j.Rootfs[i].Path == p {
			return &j.Rootfs[i]
		}
	}
	return nil
}

// TestImage: what belongs to a host, a user or a project is not in an image.
func TestImage(t *testing.T) {
	p := widePolicy()
	p.Brokers = []network.Broker{network.Broker{Name: "a", Upstream: "https://a.example", From: "env:SECRET", Header: "X-Key", Env: "KEY"}.Complete()}
	p.Network.Allow = []string{"a.example"}
	j, err := Image(p, portableClosure())
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	fmt.Fprint(&all, j.Spec.Process.Env, j.Spec.Process.Args, j.Spec.Process.Cwd)
	for _, f := range j.Rootfs {
		fmt.Fprintln(&all, f.Path, f.Target, string(f.Content))
	}
	for _, foreign := range []string{"notes", "/srv/data", "go-build", "GOFLAGS", "a.example", "SECRET", "KEY=", "broker", "infra"} {
		if strings.Contains(all.String(), foreign) {
			t.Errorf("an image has %q:\n%s", foreign, all.String())
		}
	}
	if !slices.Contains(j.Spec.Process.Env, "CI=1") {
		t.Errorf("what the policy sets is missing: %q", j.Spec.Process.Env)
	}
	if f := file(j, "/etc/passwd"); f == nil || !bytes.HasPrefix(f.Content, []byte("agent:x:1000:1000::/home/agent:")) {
		t.Errorf("passwd: %+v", f)
	}
	// With these jailed-claude makes jails inside of a container.
	if f := file(j, imageClosure); f == nil || string(f.Content) != strings.Join(portableClosure().Paths, "\n")+"\n" {
		t.Errorf("closure: %+v", f)
	}
	if f := file(j, "/usr/bin/jailed-claude"); f == nil || f.Target != contract.InitPath {
		t.Errorf("jailed-claude: %+v", f)
	}
	if !slices.Contains(j.Spec.Process.Env, "JAILED_CLAUDE_CLOSURE="+imageClosure) ||
		!slices.Contains(j.Spec.Process.Env, "JAILED_CLAUDE_PACKAGE="+portableClosure().Agent) {
		t.Errorf("variables: %q", j.Spec.Process.Env)
	}
	if folders := ImageFolders(j); !slices.Contains(folders, imageProject) || !slices.Contains(folders, imageHome+"/.claude") {
		t.Errorf("folders: %q", folders)
	}
	if _, err := Image(policy.Default(), closure.Closure{Toolchain: closure.Host}); !errors.Is(err, ErrHostToolchain) {
		t.Errorf("the host's programs: %v", err)
	}
}
