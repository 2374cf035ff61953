package spec

import (
	"cmp"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// protect mounts what the host executes or trusts read-only on top of what the
// agent may write. Only what exists is mounted: nothing is made in the project.
func (b *builder) protect() error {
	c := host.ClaudeFiles{}
	if b.shared() {
		c = b.Host.ClaudeShared
	}
	for _, p := range sorted(c.Executable) {
		b.bindKind(p.Path, p.Path, "ro", !p.Dir)
		b.grant("protected", p.Path, "ro", builtin, p.Why)
	}
	if c.JSON != "" {
		// It names the MCP servers that the host's claude starts.
		p := path.Join(b.Host.Home, b.agent.Config().Beside)
		b.bindOne(c.JSON, p)
		b.grant("protected", p, "ro", builtin, "MCP servers and trust decisions of the host's claude")
	}
	for _, p := range slices.Sorted(slices.Values(c.Private)) {
		b.tmpfs(p, "mode=0700", "size=64m", "nr_inodes=16k")
		b.grant("hidden", p, "empty", builtin, "shells of the host's claude would read it")
	}
	var protect []host.Path
	of := map[string]string{} // the policy of a further project
	for _, pr := range b.surveyed() {
		for _, p := range pr.Protect {
			if ours := slices.Contains(b.Policy.Files.Protect, p.Why); !ours && slices.Contains(pr.OwnProtect, p.Why) {
				of[p.Path] = "the policy in " + pr.Dir
			} else if !ours && b.layered(p.Path) {
				continue
			}
			if !slices.ContainsFunc(protect, func(o host.Path) bool { return o.Path == p.Path }) {
				protect = append(protect, p)
			}
		}
	}
	for _, p := range sorted(protect) {
		b.bindKind(p.Path, p.Path, "ro", !p.Dir)
		b.grant("protected", p.Path, "ro", cmp.Or(of[p.Path], b.originOf("files.protect", p.Why)), p.Why)
	}
	b.unprotect()
	watch := map[string]string{}
	for _, p := range c.Watch {
		watch[p.Path] = p.Why
	}
	// The agent can replace the symlinks of home-manager in a shared
	// configuration: nothing can be mounted on a symlink.
	links := map[string]string{}
	for _, l := range c.Links {
		if l.Text != "" {
			links[l.Path] = l.Text
		}
	}
	repositories, names, changes, follows := map[string][]string{}, map[string]string{}, map[string]string{}, []string{}
	for i, pr := range b.surveyed() {
		if i <= len(b.Host.Also) && b.Policy.Files.Project != policy.ProjectRW {
			continue
		}
		for _, p := range pr.Watch {
			if !named(pr, p) {
				watch[p.Path] = p.Why
			}
		}
		for _, p := range pr.Changes {
			changes[p.Path] = p.Why
		}
		for _, l := range pr.Links {
			links[l.Path] = l.Target
		}
		repositories[pr.Dir] = append([]string{}, slices.Sorted(slices.Values(pr.Nested))...)
		maps.Copy(names, pr.Names)
		follows = slices.Concat(follows, agent.Instructions(), pr.Follows)
	}
	return errors.Join(annotate(b, contract.WatchAnnotation, watch), annotate(b, contract.LinksAnnotation, links),
		annotate(b, contract.RepositoriesAnnotation, repositories), annotate(b, contract.NamesAnnotation, names), annotate(b, contract.ChangesAnnotation, changes),
		annotate(b, contract.InstructsAnnotation, slices.Compact(slices.Sorted(slices.Values(follows)))))
}

// named: the names say of a folder itself what a watched path would. They do not
// of what lies behind a symlink.
func named(pr host.Project, p host.Path) bool {
	rel, inside := strings.CutPrefix(p.Path, pr.Dir+"/")
	return inside && pr.Names[rel] == p.Why && !slices.ContainsFunc(pr.Links, func(l host.Link) bool { return paths.Below(p.Path, l.Path) })
}

// surveyed are the folders that the agent may write: the projects, which come
// first, and further ones.
func (b *builder) surveyed() []host.Project {
	return append(b.Host.Projects(), b.Host.Further...)
}

// annotate adds an annotation unless there is nothing to say.
func annotate[M map[string]string | map[string][]string | []string](b *builder, name string, m M) error {
	if len(m) == 0 {
		return nil
	}
	text, err := canonicalJSON(m)
	if err != nil {
		return err
	}
	b.setAnnotation(name, text)
	return nil
}

func (b *builder) setAnnotation(name, text string) {
	if b.spec.Annotations == nil {
		b.spec.Annotations = map[string]string{}
	}
	b.spec.Annotations[name] = text
}

func sorted(list []host.Path) []host.Path {
	return slices.SortedFunc(slices.Values(list), func(x, y host.Path) int { return paths.Compare(x.Path, y.Path) })
}

// originOf is the layer of a list element, or "built-in".
func (b *builder) originOf(key, element string) string { return b.origin(key + "=" + element) }

// hide covers paths by the OCI runtime's own means: a file reads as empty, a
// folder as an empty read-only one, and neither can be moved or replaced.
func (b *builder) hide() error {
	for _, pr := range b.Host.Projects() {
		for _, p := range sorted(pr.Hide) {
			b.spec.Linux.MaskedPaths = append(b.spec.Linux.MaskedPaths, p.Path)
			from := b.originOf("files.hide", p.Why)
			if !slices.Contains(b.Policy.Files.Hide, p.Why) {
				from = "the policy in " + pr.Dir
			}
			b.grant("hidden", p.Path, "empty", from, p.Why)
		}
	}
	b.coverSockets()
	return nil
}

// coverSockets covers the sockets and FIFOs of the host as hidden files are: a
// network namespace holds nobody back who has the path.
func (b *builder) coverSockets() {
	const why = "a socket or FIFO, on which a program of the host may listen"
	list := slices.Clone(b.Host.Sockets)
	for _, pr := range b.surveyed() {
		list = append(list, pr.Sockets...)
	}
	slices.SortFunc(list, paths.Compare)
	for _, p := range slices.Compact(list) {
		if slices.Contains(b.spec.Linux.MaskedPaths, p) {
			continue
		}
		if b.Policy.Identity.Nesting && b.writable(p) {
			// From another mount namespace it can be moved to where nothing covers it.
			b.grant("socket", p, "open", b.origin("identity.nesting"), why+"; an agent that makes namespaces gets around what covers it")
			continue
		}
		b.spec.Linux.MaskedPaths = append(b.spec.Linux.MaskedPaths, p)
		b.grant("hidden", p, "empty", builtin, why)
	}
}

// writable: a mount that can be written holds the path.
func (b *builder) writable(p string) bool {
	return slices.ContainsFunc(b.spec.Mounts, func(m specs.Mount) bool {
		return m.Type != "tmpfs" && paths.Below(p, m.Destination) && !slices.Contains(m.Options, "ro")
	})
}

// unprotect says which protection the policy lifts.
func (b *builder) unprotect() {
	for _, pr := range b.surveyed() {
		for _, p := range pr.Unprotected {
			i := slices.IndexFunc(b.Policy.Files.Unprotect, func(u string) bool { return paths.Below(p.Path, path.Clean(b.inHome(u))) })
			if i >= 0 && b.writable(p.Path) && !b.layered(p.Path) {
				b.grant("unprotected", p.Path, "rw", b.originOf("files.unprotect", b.Policy.Files.Unprotect[i]), p.Why+": the agent may change it, and the host executes or trusts it")
			}
		}
	}
}
