package needs

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// askNix bounds "nix --version".
const askNix = 3 * time.Second

// nix tells what there is of Nix; without any, a jail takes the host's own
// programs.
func (p *probe) nix(ctx context.Context, project string) []Need {
	if project == "" {
		project = "."
	}
	if dir, err := filepath.Abs(project); err == nil {
		outside := *p
		outside.Source = p.Outside(source.Settle(dir))
		p = &outside
	}
	program := Need{Name: "nix"}
	if path, err := p.Look("nix"); err != nil {
		program.Detail = "not on PATH: a jail takes the host's own programs, or a closure file (--closure)"
	} else {
		ctx, cancel := context.WithTimeout(ctx, askNix)
		defer cancel()
		cmd := exec.CommandContext(ctx, path, "--version")
		cmd.Env = p.Clean("HOME", "PATH")
		out, err := cmd.Output()
		program.OK = err == nil
		if program.Detail = source.OneLine(string(out)) + ", " + path; err != nil {
			program.Detail = fmt.Sprintf("%s does not run: %v", path, err)
		}
	}

	store := Need{Name: "nix-store"}
	switch {
	case !source.IsDir(p.Root + storepath.Dir):
		store.Detail = "there is none"
	case unix.Faccessat(unix.AT_FDCWD, p.Root+storepath.Dir, unix.X_OK, unix.AT_EACCESS) != nil:
		store.Detail = "/nix/store cannot be entered by you: its permissions are not those that Nix sets"
	default:
		store.OK, store.Detail = true, "/nix/store can be read"
	}

	daemon := Need{Name: "nix-daemon"}
	f := host.NixDaemon(ctx, p.Source)
	switch f.NixDaemon {
	case "":
		daemon.Detail = "not reachable; a jail needs it only for --nix"
		for _, dir := range []string{"/etc", "/usr/lib", "/lib"} {
			if source.IsDir(p.Root+"/run/systemd/system") && source.Exists(p.Root+dir+"/systemd/system/nix-daemon.socket") {
				daemon.Fix = []string{"sudo systemctl enable --now nix-daemon.socket"}
			}
		}
	default:
		daemon.OK = true
		daemon.Detail = strings.TrimSpace("reachable at " + f.NixDaemon + " " + f.NixVersion)
		if f.NixTrusted {
			daemon.Detail += "; it trusts you, so --nix would make a jail worth root: take yourself out of trusted-users first, or start an untrusted door (docs/nix.md)"
		}
	}
	return []Need{program, store, daemon}
}
