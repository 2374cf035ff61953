package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/claude/object"
)

// ErrNoLogin is returned by Copy where the host has no login.
var ErrNoLogin = errors.New("the host has no login to copy")

// Copy copies the host's login, unless there is one.
func Copy(h folder.Host, private *os.File, account json.RawMessage) (bool, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(int(private.Fd()), folder.LoginJSON, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil {
		return false, nil
	}
	f, err := h.Read(folder.LoginJSON, folder.MaxFile)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(bytes.TrimSpace(f.Data)) == 0) {
		return false, fmt.Errorf("%w: %s is not there", ErrNoLogin, show.Line(h.Path(folder.LoginJSON)))
	}
	if err != nil {
		return false, fmt.Errorf("copy the login: %w", err)
	}
	// Whose login it is stands in .claude.json. Claude asks for it again where
	// that is missing, so a failure is none.
	if account != nil {
		if g, err := folder.Read(private, folder.GlobalJSON, folder.MaxGlobal); err == nil {
			if text, err := object.Set(g.Data, []string{"oauthAccount"}, account); err == nil {
				_ = beneath.Replace(private, folder.GlobalJSON, text, 0o600)
			}
		} else if errors.Is(err, fs.ErrNotExist) {
			if text, err := object.Render([]object.Member{{Key: "oauthAccount", Value: account}}); err == nil {
				_ = beneath.Create(private, folder.GlobalJSON, text, 0o600)
			}
		}
	}
	if err := beneath.Create(private, folder.LoginJSON, f.Data, 0o600); err != nil {
		return false, fmt.Errorf("copy the login: %w", err)
	}
	return true, nil
}
