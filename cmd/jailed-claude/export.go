package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle/pod"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/spec/plan/pods"
)

func newExport() *cobra.Command {
	c := cli.Command("export", "Write the jail for what is not this machine", cli.AtMost(0), func(c *cobra.Command, _ []string) error { return c.Help() })
	c.AddCommand(newExportPod())
	return c
}

func newExportPod() *cobra.Command {
	var f jailFlags
	var in pod.Input
	var profile string
	var terminal bool
	c := cli.Command("pod [flags] [-- AGENT-ARGS]", "Print the jail as a Pod for Kubernetes or podman", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		_, agentArgs, err := cli.AfterDash(c, args, 0)
		if err != nil {
			return err
		}
		o := f.options(c)
		o.Args, o.Terminal, in.Profile = agentArgs, terminal, profile != ""
		made, warnings, err := pods.Make(c.Context(), o, in)
		cli.Warn(c, warnings...)
		if err != nil {
			return err
		}
		lines, err := pod.Do(c.OutOrStdout(), made, profile)
		for _, l := range lines {
			cli.Say(c, "%s", l)
		}
		return err
	})
	fs := c.Flags()
	fs.StringVar(&in.Form, "form", pod.Plain, "write the Pod in the `FORM` plain (level restricted, our PID 1 in front) or own (our runtime in the Pod)")
	fs.StringVar(&in.Image, "image", "", "run the image `REF` that \"jailed-claude image\" made, with its digest")
	fs.StringVar(&in.Claim, "volume", "", "the project is in the PersistentVolumeClaim `CLAIM`")
	fs.StringVar(&in.Git, "git", "", "the project is cloned from `URL`, with #BRANCH for another than the default")
	fs.StringVar(&in.Engine, "engine", pod.Kubernetes, "write it for `ENGINE`: "+strings.Join(pod.Engines, " or "))
	fs.StringVar(&in.Kind, "kind", pod.Pod, "write the `KIND` Pod, or Sandbox of agent-sandbox")
	fs.StringVar(&in.Policies, "network-policy", "", "write the network policy `KIND`: kubernetes (addresses), cilium (names too) or none (default: kubernetes for a plain Pod in Kubernetes)")
	fs.StringVar(&in.Secret, "secret", "", "brokers take their keys from the Secret `NAME`")
	fs.StringVar(&in.Certificates, "certificates", "", "mount the ConfigMap `NAME`, which has the key ca-certificates.crt")
	fs.StringVar(&profile, "seccomp", "", "write the seccomp profile for the nodes to `FILE`")
	fs.BoolVar(&terminal, "terminal", false, "give the agent a terminal, for kubectl attach -it")
	fs.StringVar(&in.Name, "name", "", "call the Pod `NAME` (default: as the project)")
	f.register(c)
	return c
}
