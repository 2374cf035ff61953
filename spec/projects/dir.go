package projects

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
)

// Folder is where the folders of projects are, in jailed-claude's state.
const Folder = "projects"

// Dir is the folder of a project, whose real path this is. It need not exist.
func Dir(stateDir, project string) string { return path.Join(stateDir, Folder, name(project)) }

// nameLength bounds the readable part of a name, in bytes.
const nameLength = 40

// name is the last part of the path, for people, and a digest of all of it.
func name(project string) string {
	readable := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r == '.':
			return '_' // no name of a state folder is hidden, or ".."
		}
		return '-'
	}, path.Base(project))
	sum := sha256.Sum256([]byte(project))
	return readable[:min(len(readable), nameLength)] + "-" + hex.EncodeToString(sum[:8])
}
