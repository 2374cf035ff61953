package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/claude/object"
)

// Responses is the key of .claude.json with the answers about API keys.
const Responses = "customApiKeyResponses"

// tailLength is how much of an API key Claude remembers of an answer.
const tailLength = 20

// tailOf is how Claude remembers a key.
func tailOf(key string) string { return key[max(0, len(key)-tailLength):] }

// Approved is the tail of the key if the host's user has agreed to it.
func Approved(answers json.RawMessage, key string) string {
	key = strings.TrimSpace(key)
	if key == "" || !utf8.ValidString(key) {
		return ""
	}
	tail := tailOf(key)
	var r struct {
		Approved []string `json:"approved"`
	}
	if json.Unmarshal(answers, &r) != nil || !slices.Contains(r.Approved, tail) {
		return ""
	}
	return tail
}

// Approve answers Claude's question about a key for its user, who was asked by
// nobody but gave the key to jailed-claude. A no that was said stays.
func Approve(private *os.File, key string) error {
	if key == "" {
		return nil
	}
	tail := tailOf(key)
	g, err := folder.Read(private, folder.GlobalJSON, folder.MaxGlobal)
	missing := errors.Is(err, fs.ErrNotExist)
	if missing {
		g.Data, err = []byte("{}"), nil
	}
	if err != nil {
		return err
	}
	ms, err := object.Parse(g.Data)
	if err != nil {
		return err
	}
	var answers struct {
		Approved []string `json:"approved"`
		Rejected []string `json:"rejected"`
	}
	if old := object.Get(ms, Responses); old != nil && json.Unmarshal(old, &answers) != nil {
		return fmt.Errorf("%q is not what Claude writes", Responses)
	}
	if slices.Contains(answers.Approved, tail) || slices.Contains(answers.Rejected, tail) {
		return nil
	}
	value, err := object.Encode(append(answers.Approved, tail))
	if err != nil {
		return err
	}
	text, err := object.Set(g.Data, []string{Responses, "approved"}, value)
	if err != nil {
		return err
	}
	if missing {
		return beneath.Create(private, folder.GlobalJSON, text, 0o600)
	}
	return beneath.Replace(private, folder.GlobalJSON, text, 0o600)
}
