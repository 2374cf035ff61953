package spec

import (
	"fmt"
	"maps"
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/toolchain/home"
)

// toolchains are those of the home, read-only at their own paths.
func (b *builder) toolchains() (ms []mounted, err error) {
	for _, f := range b.Host.Toolchains {
		key := "files.toolchains=" + f.Name
		if b.Policy.Origins[key] == "" {
			key = "files.toolchains=" + home.Auto
		}
		from := b.origin(key)
		for _, p := range f.Binds {
			if err := b.exposes(p); err != nil {
				return nil, fmt.Errorf("files.toolchains %q (%s): %w", f.Name, from, err)
			}
			ms = append(ms, mounted{p, "ro", from, "the toolchain " + f.Name + " of your home", slices.Contains(f.Files, p)})
		}
		for _, name := range slices.Sorted(maps.Keys(f.Env)) {
			if !slices.Contains(b.Policy.Env.Pass, name) {
				b.env[name] = f.Env[name]
			}
		}
	}
	return ms, nil
}
