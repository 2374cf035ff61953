package image

import (
	"context"
	"fmt"
	"io"
	"os"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Do writes the image to a folder, to w if dir is "-", or checks it.
func Do(ctx context.Context, dir string, check bool, w io.Writer, in Input, o Options) (Result, error) {
	in.Labels = map[string]string{
		v1.AnnotationTitle:       "jailed-claude",
		v1.AnnotationDescription: "A coding agent with its closure; the entrypoint is the PID 1 of jailed-claude",
	}
	switch {
	case check && dir == "-":
		return Result{}, fmt.Errorf("--check compares with an image in a folder, and not with %q", dir)
	case check:
		return Check(ctx, dir, os.TempDir(), in, o)
	case dir == "-":
		return writeArchive(ctx, w, os.TempDir(), in, o)
	}
	return Write(ctx, dir, in, o)
}

// Line says what was done, for a person.
func (r Result) Line(dir string, check bool) string {
	if check {
		return fmt.Sprintf("%s is what it is made of: %d layers", show.Visible(dir), r.Layers)
	}
	return fmt.Sprintf("%d layers (%d not changed), %d MB, for %s; entrypoint %s", r.Layers, r.Reused, r.Bytes/1e6, contract.System, contract.InitPath)
}
