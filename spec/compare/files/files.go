package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/compare"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
)

// Compare returns how one file differs from another, what widens the jail
// first. Both are policies, or both are a config.json or bundles.
func Compare(a, b string) (changes []change.Change, policies bool, err error) {
	from, err := readCompared(a)
	if err != nil {
		return nil, false, err
	}
	to, err := readCompared(b)
	if err != nil {
		return nil, false, err
	}
	if (from.layer == nil) != (to.layer == nil) {
		return nil, false, hint.Add(errors.New("one is a policy and the other is a config.json"), "to make a config.json of a policy: jailed-claude spec --policy FILE")
	}
	if from.layer == nil {
		changes, err = compare.Configs(from.text, to.text)
		return changes, false, err
	}
	x, err := policy.Merge(from.layer)
	if err != nil {
		return nil, true, err
	}
	y, err := policy.Merge(to.layer)
	if err != nil {
		return nil, true, err
	}
	return policy.Compare(x, y), true, nil
}

// compared is a file that Compare was given: a policy or a config.json.
type compared struct {
	text  []byte
	layer *policy.Layer
}

// maxCompared is far more than a config.json of thousands of store paths has.
const maxCompared = 64 << 20

func readCompared(file string) (*compared, error) {
	if fi, err := os.Stat(file); err == nil && fi.IsDir() {
		file = filepath.Join(file, "config.json")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCompared+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxCompared {
		return nil, fmt.Errorf("%q is larger than %d MiB", file, maxCompared>>20)
	}
	// TOML has no line that begins like that.
	if strings.HasPrefix(strings.TrimLeft(string(text), " \t\r\n"), "{") {
		return &compared{text: text}, nil
	}
	if len(text) == 0 {
		return &compared{layer: &policy.Layer{Name: file}}, nil
	}
	l, err := policy.Parse(show.Visible(file), text)
	return &compared{layer: l}, err
}
