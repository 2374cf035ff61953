package moves

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// FurtherClass is that of the attacks on a folder that the jail may write besides
// its project. They are those on a project, made there: what the attacker takes
// for the project is that folder.
const FurtherClass = "further folders"

// repeated are the moves that are made there as well: a kind of each.
var repeated = []string{
	"host-rename", "host-git-config", "host-unlink-later", "host-backup", "host-exchange", "host-switch", "host-git-hooks", "host-ancestor", "host-then-move", "host-socket",
}

// FurtherAttacks are the attacks of this package that are made in such a folder.
func FurtherAttacks() []attack.Attack {
	all := slices.DeleteFunc(HostMoveAttacks(), func(a attack.Attack) bool { return !slices.Contains(repeated, a.Name) })
	return attack.Further(FurtherClass, append(all, TrapAttacks()...))
}

// LayFurther makes of an empty folder one in which there is something that the
// host executes or trusts.
func LayFurther(dir string) (protected []string, err error) {
	err = repository(dir)
	for _, name := range []string{".git/hooks/pre-commit", ".envrc", ".mcp.json", ".claude/settings.json", "pkg/.vscode/tasks.json", "pkg/deep/mise.toml"} {
		text := attack.MarkerText
		if filepath.Ext(name) == ".json" {
			text = "{}\n"
		}
		err = errors.Join(err, inFile(name, text)(dir))
	}
	for _, name := range []string{".git/config", ".git/hooks", ".envrc", ".mcp.json", ".claude/settings.json", "pkg/.vscode", "pkg/deep/mise.toml"} {
		p := filepath.Join(dir, name)
		if _, serr := os.Lstat(p); serr != nil {
			err = errors.Join(err, serr)
		}
		protected = append(protected, p)
	}
	return protected, err
}
