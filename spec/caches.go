package spec

import (
	"maps"
	"path"
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/caches"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// Caches is the host folder with what package managers fetch in the jails of
// this project alone. Below it paths are as below the home.
func Caches(h host.Facts) string { return path.Join(h.ProjectState, "cache") }

// caches mounts what package managers keep. What a jail puts there is executed by
// later jails of the same project, and by nobody else.
func (b *builder) caches() {
	private := b.Policy.Files.Cache == policy.CachePrivate
	for i, f := range caches.Folders() {
		if !private {
			break
		}
		kept, at := path.Join(Caches(b.Host), f), path.Join(b.Host.Home, f)
		b.bind(kept, at, "rw")
		if i == 0 {
			b.grant("file", at, "rw", b.origin("files.cache"), "caches for the jails of this project alone, this one and those of pnpm, yarn, cargo and uv: "+Caches(b.Host))
		}
	}
	maps.Copy(b.env, caches.Variables(b.Host.Home, map[string]string{closure.Host: b.Host.NPMConfig}[b.Closure.Toolchain], slices.Collect(maps.Keys(b.Host.Present)), b.Policy.Env.Pass, private))
}
