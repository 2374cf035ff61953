package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/spec/policy/jsonschema"
)

func newSchema() *cobra.Command {
	return cli.Command("schema", "Print the JSON Schema of the policy", cli.AtMost(0), func(c *cobra.Command, _ []string) error {
		text, err := jsonschema.Policy()
		if err != nil {
			return err
		}
		_, err = c.OutOrStdout().Write(text)
		return err
	})
}
