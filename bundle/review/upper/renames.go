package upper

import "strings"

// renames finds new files whose content is that of a deleted one. overlayfs
// records a move as a deletion and a new file.
func (r *reader) renames() {
	sizes := map[int64][]*Change{}
	for _, c := range r.held.Changes {
		if c.Old == nil && c.New.Kind == File && c.New.Size > 0 && c.Unreadable == "" {
			sizes[c.New.Size] = append(sizes[c.New.Size], c)
		}
	}
	if len(sizes) == 0 {
		return
	}
	gone := func(path string, s *State) {
		candidates := sizes[s.Size]
		if s.Kind != File || len(candidates) == 0 {
			return
		}
		if s.Digest == "" {
			if err := s.read(r.lower, path); err != nil {
				return
			}
		}
		best := -1
		for i, c := range candidates {
			// Of several the one that kept its name.
			if c.New.Digest == s.Digest && c.From == "" && (best < 0 || base(c.Path) == base(path)) {
				best = i
			}
		}
		if best >= 0 {
			candidates[best].From = path
		}
	}
	for _, c := range r.held.Changes {
		if c.New == nil {
			gone(c.Path, c.Old)
			c.Below(gone)
		}
	}
}

func base(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }
