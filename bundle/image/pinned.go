package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/jailed-claude/jailed-claude/bundle/lock"
)

// Layers are those of an image that hold its store paths, which do not depend on the
// version of jailed-claude. Of in, Root and Paths matter. Nothing is written.
func Layers(ctx context.Context, in Input, progress func(done, total int64)) ([]lock.Layer, error) {
	units, err := closureUnits(in)
	if err != nil {
		return nil, err
	}
	b := builder{progress: progress}
	for _, u := range units {
		b.total += u.size
	}
	layers, err := b.each(ctx, units, func(ctx context.Context, u unit) (l layer, err error) {
		key, err := u.key()
		if err != nil {
			return layer{}, err
		}
		if l.DiffID, l.Refs, err = b.tar(ctx, u, io.Discard); err != nil {
			return layer{}, err
		}
		return l, u.again(key)
	})
	if err != nil {
		return nil, err
	}
	all := make([]lock.Layer, len(layers))
	for i, l := range ordered(layers) {
		all[i] = lock.Layer{What: l.what, DiffID: string(l.DiffID)}
	}
	return all, nil
}

// pinned: the layers are those that the lock has for this closure, if it has any.
func pinned(in Input, layers []built) error {
	if in.Lock == "" {
		return nil
	}
	l, _, err := lock.Read(in.Lock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(l.Layers) == 0 || !slices.Equal(slices.Sorted(slices.Values(l.StorePaths())), slices.Compact(slices.Sorted(slices.Values(in.Paths)))) {
		return nil
	}
	have := map[string]digest.Digest{}
	for _, y := range layers {
		have[y.what] = y.DiffID
	}
	for _, y := range l.Layers {
		if got := have[y.What]; string(got) != y.DiffID {
			return fmt.Errorf("the layer of %q: %w: its diff id is %s, and %s in the lock %q", y.What, errPinned, got, y.DiffID, in.Lock)
		}
	}
	return nil
}
