package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// maxState is far more than any runtime says of a container.
const maxState = 4 << 20

// readState reads what a runtime tells its hooks on standard input.
func readState(r io.Reader) (*specs.State, error) {
	s := new(specs.State)
	if err := json.NewDecoder(io.LimitReader(r, maxState)).Decode(s); err != nil {
		return nil, fmt.Errorf("standard input is not the state of a container, as an OCI runtime gives it to hooks: %w", err)
	}
	if s.ID == "" {
		return nil, errors.New("the state of the container names no ID")
	}
	return s, nil
}

// configOf is what the container may reach.
func configOf(s *specs.State) (text string, c *network.Network, err error) {
	text, ok := s.Annotations[contract.NetworkAnnotation]
	if !ok {
		return "", nil, fmt.Errorf("container %q has no annotation %s: this hook is for bundles that jailed-claude wrote", s.ID, contract.NetworkAnnotation)
	}
	if c, err = network.Decode(text); err != nil {
		return "", nil, fmt.Errorf("annotation %s: %w", contract.NetworkAnnotation, err)
	}
	if c.SSH != nil {
		return "", nil, fmt.Errorf("container %q uses an ssh agent, which jailed-claude's own runtime alone serves: make its bundle of a policy without [ssh]", s.ID)
	}
	return text, c, nil
}
