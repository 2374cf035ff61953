package claude

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/claude/beneath"
	"github.com/jailed-claude/jailed-claude/spec/claude/object"
)

// copyLogin copies the host's login, unless there is one.
func copyLogin(h Host, private *os.File, account json.RawMessage) (bool, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(int(private.Fd()), loginJSON, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil {
		return false, nil
	}
	f, err := h.read(loginJSON, maxFile)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(bytes.TrimSpace(f.data)) == 0) {
		return false, fmt.Errorf("%w: %s is not there", ErrNoLogin, show.Line(h.path(loginJSON)))
	}
	if err != nil {
		return false, fmt.Errorf("copy the login: %w", err)
	}
	// Whose login it is stands in .claude.json. Claude asks for it again where
	// that is missing, so a failure is none.
	if account != nil {
		if g, err := readBelow(private, globalJSON, maxGlobal); err == nil {
			if text, err := object.Set(g.data, []string{"oauthAccount"}, account); err == nil {
				_ = beneath.Replace(private, globalJSON, text, 0o600)
			}
		} else if errors.Is(err, fs.ErrNotExist) {
			if text, err := object.Render([]object.Member{{Key: "oauthAccount", Value: account}}); err == nil {
				_ = beneath.Create(private, globalJSON, text, 0o600)
			}
		}
	}
	if err := beneath.Create(private, loginJSON, f.data, 0o600); err != nil {
		return false, fmt.Errorf("copy the login: %w", err)
	}
	return true, nil
}
