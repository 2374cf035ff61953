package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle"
	"github.com/jailed-claude/jailed-claude/runtime/hook"
	"github.com/jailed-claude/jailed-claude/runtime/key"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// newHook is for OCI runtimes, which find it in the config.json of a bundle.
func newHook() *cobra.Command {
	c := &cobra.Command{
		Use:    "hook",
		Short:  "What the hooks of an exported bundle call",
		Hidden: true,
		Args:   cobra.NoArgs,
	}
	add := func(name, short string, do func(stdin io.Reader) error) {
		c.AddCommand(&cobra.Command{
			Use: name, Short: short, Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return do(c.InOrStdin()) },
		})
	}
	add("network-start", "Begin the network of the container whose state is on standard input (createRuntime)", func(stdin io.Reader) error {
		if err := homeOfHook(); err != nil {
			return err
		}
		return hook.NetworkStart(stdin, hook.Options{Keys: keysOfHook, Roots: rootsOfHook, Log: logOfHook})
	})
	add("network-join", "Set that network up, from inside of the container's namespaces (createContainer)", hook.NetworkJoin)
	add("network-stop", "End what network-start left running (poststop)", hook.NetworkStop)
	return c
}

// homeOfHook: runtimes start hooks with an empty environment.
func homeOfHook() error {
	if os.Getenv("HOME") != "" {
		return nil
	}
	u, err := user.Current()
	if err != nil {
		return fmt.Errorf("HOME is not set: %w", err)
	}
	return os.Setenv("HOME", u.HomeDir)
}

// keysOfHook reads keys. Variables of the caller's do not reach a hook, so an
// error says what does.
func keysOfHook(brokers []network.Broker, s *specs.State) (map[string]string, error) {
	c, err := configOf(s.Bundle)
	if err != nil {
		return nil, err
	}
	caller := key.Caller{Env: map[string]string{}, Home: os.Getenv("HOME"), Project: c.Process.Cwd, Stderr: os.Stderr}
	for _, e := range os.Environ() {
		if name, value, ok := strings.Cut(e, "="); ok {
			caller.Env[name] = value
		}
	}
	keys, err := key.All(context.Background(), brokers, caller)
	if err != nil {
		return nil, hint(err, `a runtime starts hooks with an environment of its own: give the broker its key from "file:PATH" or "command:PROGRAM", in the policy that the bundle is made of`)
	}
	return keys, nil
}

// rootsOfHook reads the certificates that the jail has: the host's, wherever
// they were when the bundle was made. A hook does not know SSL_CERT_FILE.
func rootsOfHook(s *specs.State) ([]byte, error) {
	c, err := configOf(s.Bundle)
	if err != nil {
		return nil, err
	}
	for _, m := range c.Mounts {
		if m.Destination == spec.CertsPath {
			return os.ReadFile(m.Source)
		}
	}
	return nil, nil
}

// configOf is the configuration of a bundle. Its program's working directory
// is the project.
func configOf(dir string) (*specs.Spec, error) {
	f, err := os.Open(filepath.Join(dir, bundle.ConfigName))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := bundle.Unmarshal(f)
	if err != nil {
		return nil, err
	}
	if c.Process == nil || !filepath.IsAbs(c.Process.Cwd) {
		return nil, fmt.Errorf("bundle %q: there is no process.cwd", dir)
	}
	return c, nil
}

// logOfHook begins the session's log of a container. Its ID can come again, so
// the log's is longer.
func logOfHook(s *specs.State) (*os.File, error) {
	more := make([]byte, 4)
	if _, err := rand.Read(more); err != nil {
		return nil, fmt.Errorf("make an ID: %w", err)
	}
	c, err := configOf(s.Bundle)
	if err != nil {
		return nil, err
	}
	fd, err := openLog(s.ID+"-"+hex.EncodeToString(more), c.Process.Cwd)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "session log"), nil
}
