package main

import (
	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/spec/policy"
)

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the policy file",
		Long: `Print the JSON Schema (draft 2020-12) of the policy file, for editors and other
programs. An editor that reads TOML by a schema (taplo, Even Better TOML) finds it
by the first line of the file, which "init" writes:

  #:schema ` + policy.JSONSchemaID + `

A path works in place of the URL, where the network shall not be asked.`,
		Example: `  jailed-claude schema > ~/.config/jailed-claude/schema.json
  jailed-claude schema | jq '.properties | keys'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := policy.JSONSchema()
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
}
