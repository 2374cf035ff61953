package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/spec/policy"
)

func newSchema() *cobra.Command {
	return command("schema", "Print the JSON Schema of the policy", atMost(0), func(c *cobra.Command, _ []string) error {
		text, err := policy.JSONSchema()
		if err != nil {
			return err
		}
		_, err = c.OutOrStdout().Write(text)
		return err
	})
}
