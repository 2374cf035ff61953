// Package own is what of the user's own comes into a jail by name: pieces of the
// configuration of Claude Code, toolchains of the home.
//
// What does not belong here: finding them (packages claude/bring and
// toolchain/home), and mounting them (package spec).
package own

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/caches"
	"github.com/jailed-claude/jailed-claude/spec/claude/bring"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/lent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/projects"
)

// Brought finds the pieces of the user's own configuration that a policy names.
func Brought(p policy.Policy, facts *host.Facts) error {
	if len(p.Agent.Bring) == 0 {
		return nil
	}
	if p.Agent.Config != policy.ConfigPrivate || p.Agent.Row().Name != agent.Default().Name {
		return errors.New(`agent.bring is for a private configuration of Claude Code: leave it out, or write agent.config = "private"`)
	}
	h := folder.Find(source.Environ(), facts.Home)
	var errs []error
	for _, name := range p.Agent.Bring {
		piece, err := bring.Find(h, name)
		facts.Brought = append(facts.Brought, piece)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// editor writes what Claude Code looks for to find one, as extensions of editors
// do: there is a port, and no secret.
func editor(in *spec.Input, j *contract.Jail) error {
	if j.Network == nil || j.Network.Bridges == nil || j.Network.Bridges.IDE == "" {
		return nil
	}
	dir := lent.EditorDir(in.Host.ProjectState)
	text, err := json.Marshal(map[string]any{
		"pid": 1, "workspaceFolders": []string{in.Host.Project.Dir}, "ideName": "the editor outside of the jail", "transport": "ws", "runningInWindows": false, "authToken": "none",
	})
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, strconv.Itoa(network.IDEPort)+".lock"), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("bridges.ide: %w", err)
	}
	return nil
}

// Points makes what is mounted on in the private configuration: what is
// brought or granted of the user's own.
func Points(in *spec.Input, j *contract.Jail) error {
	private := spec.PrivateConfig(in.Host)
	at := ""
	for _, m := range j.Spec.Mounts {
		if m.Source == private {
			at = m.Destination
		}
	}
	if at == "" {
		return nil
	}
	if err := editor(in, j); err != nil {
		return err
	}
	folders, files := caches.Below(at, "", j.Spec.Mounts, source.IsDir)
	if err := projects.KeepPoints(private, folders, files); err != nil {
		return fmt.Errorf("%w: look at %s", err, show.Visible(private))
	}
	return nil
}
