package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/runtime/key"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// brokerKeys reads the keys of a jail's brokers, by their names, and the
// certificates that the services are verified with; nil means the system's.
// Nothing of it gets into the configuration of the jail.
func brokerKeys(c *cobra.Command, in *spec.Input, j *contract.Jail) (keys map[string]string, roots []byte, err error) {
	text, ok := j.Spec.Annotations[contract.NetworkAnnotation]
	if !ok {
		return nil, nil, nil
	}
	n, err := network.Decode(text)
	if err != nil || len(n.Brokers) == 0 {
		return nil, nil, err
	}
	caller := key.Caller{
		Env: in.Host.Env, Home: in.Host.Home, Project: in.Host.Project.Dir, Stderr: os.Stderr,
		Warn: func(line string) { fmt.Fprintf(c.ErrOrStderr(), "jailed-claude: warning: %s\n", line) },
	}
	keys, err = key.All(c.Context(), n.Brokers, caller)
	var bad *key.Error
	if errors.As(err, &bad) {
		if in.Policy.Origins["broker="+bad.Broker] == "" {
			// Nobody wrote it: it is there for the variable.
			return nil, nil, hint(err, "to start without a use of that key: agent.key = \"none\" in your policy")
		}
		return nil, nil, hint(err, bad.Fix)
	}
	if err != nil {
		return nil, nil, err
	}
	if in.Host.CAFile == "" {
		return keys, nil, nil
	}
	for _, file := range []string{in.Host.CAFile, in.Host.ExtraCAFile} {
		if file == "" {
			continue
		}
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, fmt.Errorf("certificates: %w", err)
		}
		roots = append(append(roots, pem...), '\n')
	}
	return keys, roots, nil
}
