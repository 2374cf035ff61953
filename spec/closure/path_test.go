package closure

import (
	"errors"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

const (
	hash  = "0123456789abcdfghijklmnpqrsvwxyz"
	pathA = StoreDir + "/" + hash + "-a"
	pathB = StoreDir + "/1" + "123456789abcdfghijklmnpqrsvwxyz" + "-b"
)

func TestCheckPath(t *testing.T) {
	good := []string{
		StoreDir + "/" + hash + "-a",
		StoreDir + "/" + hash + "-claude-code-2.1.330",
		StoreDir + "/" + hash + "-A+b_c?d=e-1.0.drv",
		StoreDir + "/" + hash + "-" + strings.Repeat("n", storepath.NameMax),
	}
	for _, p := range good {
		if err := checkPath(p); err != nil {
			t.Errorf("CheckPath(%q) = %v", p, err)
		}
		if root, rest, err := split(p + "/bin/x"); root != p || rest != "bin/x" || err != nil {
			t.Errorf("Split(%q) = %q, %q, %v", p+"/bin/x", root, rest, err)
		}
		if root, rest, err := split(p + "/"); root != p || rest != "" || err != nil {
			t.Errorf("Split(%q) = %q, %q, %v", p+"/", root, rest, err)
		}
	}

	ok := StoreDir + "/" + hash + "-a"
	bad := []string{
		"",
		"/",
		// Elsewhere.
		"/etc/passwd", "nix/store/" + hash + "-a", "/nix/storex/" + hash + "-a", " " + ok,
		// The store itself, and what is not a store object.
		StoreDir, StoreDir + "/", StoreDir + "/.links", StoreDir + "/" + hash,
		// Names.
		StoreDir + "/" + hash + "-", StoreDir + "/" + hash + "-.", StoreDir + "/" + hash + "-..",
		StoreDir + "/" + hash + "-.a", StoreDir + "/" + hash + "-a b", ok + "\n", ok + "\r", ok + "\x00",
		ok + "\xff", ok + "é", ok + ":x", ok + ",x", ok + "$x", ok + "\\x",
		StoreDir + "/" + hash + "-" + strings.Repeat("n", storepath.NameMax+1),
		// Hashes.
		StoreDir + "/" + hash[1:] + "-a", StoreDir + "/" + hash + "0-a", StoreDir + "/" + strings.ToUpper(hash) + "-a",
		StoreDir + "/" + hash[:31] + "e-a", StoreDir + "/" + hash[:31] + "o-a",
		StoreDir + "/" + hash[:31] + "t-a", StoreDir + "/" + hash[:31] + "u-a",
		// Traps and traversal.
		StoreDir + "/..", StoreDir + "/../etc", StoreDir + "//" + hash + "-a", StoreDir + "/./" + hash + "-a",
		ok + "/", ok + "/bin", ok + "/..", ok + "/../" + hash + "-b", "/nix/../nix/store/" + hash + "-a",
	}
	for _, p := range bad {
		if err := checkPath(p); !errors.Is(err, errBadPath) {
			t.Errorf("CheckPath(%q) = %v, want ErrBadPath", p, err)
		}
	}
	for _, rest := range []string{"//", "/bin//x", "/./x", "/..", "/../x", "/bin/../x", "/bin/.", "/bin\x00"} {
		if _, _, err := split(ok + rest); !errors.Is(err, errBadPath) {
			t.Errorf("Split(%q): %v, want ErrBadPath", ok+rest, err)
		}
	}
}
