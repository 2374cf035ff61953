package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle/image"
	"github.com/jailed-claude/jailed-claude/bundle/lock"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/seccomp"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/plan"
	"github.com/jailed-claude/jailed-claude/spec/portable"
)

func newImage() *cobra.Command {
	var f jailFlags
	var o image.Options
	var in image.Input
	var check, asJSON bool
	c := cli.Command("image [flags] DIR|-", "Write an OCI image for podman, Docker and clusters", cli.Exactly(1), func(c *cobra.Command, args []string) (err error) {
		po := f.options(c)
		j, cl, warnings, err := plan.Image(c.Context(), po)
		cli.Warn(c, warnings...)
		if err != nil {
			return err
		}
		if in.Init, err = os.Executable(); err != nil {
			return err
		}
		if err := seccomp.Into(j); err != nil {
			return err
		}
		in.Jail, in.Paths, in.Folders, in.Lock = j, cl.Paths, portable.ImageFolders(j), filepath.Join(po.Dir(), lock.Name)
		o.Cache, o.Progress = filepath.Join(host.CacheDir(), "image"), cli.Progress(c, "image")
		r, err := image.Do(c.Context(), args[0], check, c.OutOrStdout(), in, o)
		switch {
		case err != nil:
			return err
		case asJSON && args[0] != "-":
			return cli.PrintJSON(c.OutOrStdout(), r)
		case args[0] != "-":
			fmt.Fprintln(c.OutOrStdout(), r.Digest)
		}
		cli.Say(c, "%s", r.Line(args[0], check))
		return nil
	})
	c.Flags().StringVar(&o.Compression, "compression", image.Zstd, "compress layers with `NAME`: "+strings.Join(image.Compressions, ", "))
	c.Flags().StringVar(&in.Name, "name", "latest", "call the image `TAG` in the layout's index")
	c.Flags().BoolVar(&check, "check", false, "make the image again, without the cache, and compare it with the one in DIR")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&f.Package, "package", "", "the agent `PACKAGE`, if the policy names none: a store path or a Nix installable")
	c.Flags().StringVar(&f.Closure, "closure", "", "use the store paths in `FILE`: one a line, or a Nix registration")
	f.registerTeam(c)
	return c
}
