package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os/exec"

	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// Columns and rows of the table of layers. Goals look for them.
const (
	onFiles  = "rw"
	inLayer  = "layer"
	rsync    = "rsync -a"
	npmRow   = "npm ci, 60 packages of 40 files"
	buildRow = "go build net/http, nothing cached"
	applyRow = "10,000 changed files to the host"
)

//go:embed layer.sh
var layerScript string

// layers measures work in a layer beside the same on the files, and what takes it to the host.
func layers(b *bench) (*report.Table, error) {
	t := &report.Table{
		Title: "Work in a layer, and its changes to the host", Unit: "ms", Rounds: b.third(),
		Columns: []string{onFiles, inLayer, rsync}, Of: inLayer, Against: []string{onFiles, rsync},
	}
	compiler, err := exec.LookPath("go")
	if err = errors.Join(err, needs("npm", "rsync")); err != nil {
		return nil, err
	}
	step := func(name string) []string { return []string{"bash", "-c", layerScript, "layer.sh", b.file(ours), name} }
	in := func(project, mode string, argv ...string) []string {
		return append([]string{b.file(ours), "shell", "--package", "host", "--net", "none", "--project", b.file("home", "layer", project), "--project-mode", mode, "--"}, argv...)
	}
	for _, argv := range [][]string{step("begin"), in("files", "overlay", step("change")...)} {
		if _, err := b.timed(argv); err != nil {
			return nil, fmt.Errorf("projects for layers: %w", err)
		}
	}
	anew := func(argv []string) func() ([]string, error) {
		return func() ([]string, error) {
			_, err := b.timed(step("anew"))
			return argv, err
		}
	}
	for _, row := range []struct{ name, project, script string }{
		{npmRow, "node", "npm ci --offline --no-audit --no-fund --cache /tmp/npm"},
		{buildRow, "go", "GOPROXY=off CGO_ENABLED=0 GOCACHE=$PWD/cache " + compiler + " build -o out ."},
	} {
		b.say("layer: %s, %d rounds", row.name, t.Rounds)
		b.sideBySide(t, row.name, t.Rounds, []candidate{{name: onFiles, argv: anew(in(row.project, onFiles, "bash", "-c", row.script))}, {name: inLayer, argv: anew(in(row.project, "overlay", "bash", "-c", row.script))}})
	}
	b.sideBySide(t, applyRow, t.Rounds, []candidate{
		{name: inLayer, argv: anew([]string{b.file(ours), "review", "--apply", "--project", b.file("home", "layer", "files")})},
		{name: rsync, argv: anew([]string{"rsync", "-a", b.file("home", "layer", "changed") + "/", b.file("home", "layer", "theirs")})},
	})
	return t, nil
}
