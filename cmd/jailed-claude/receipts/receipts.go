package receipts

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/jailed-claude/jailed-claude/bundle/receipt"
	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/spec/plan/receipts"
)

// exitDiffers is the status of verify where something differs, as that of verify
// with a lock.
const exitDiffers = 1

// Command is "receipt".
func Command() *cobra.Command {
	c := &cobra.Command{Use: "receipt COMMAND", Short: "Show and check the receipts of sessions"}
	c.AddCommand(show(), verify())
	return c
}

func show() *cobra.Command {
	var asJSON, signed, signature bool
	c := cli.Command("show [flags] FILE", "Show what a receipt says", cli.Exactly(1), func(c *cobra.Command, args []string) error {
		o, err := receipts.Read(args[0])
		if err != nil {
			return err
		}
		text := o.Text
		switch {
		case signed:
			text = receipt.Encode(o.Text)
		case signature && len(o.Signatures) == 0:
			return errors.New("nobody has signed it")
		case signature:
			text = o.Signatures[0]
		case !asJSON:
			return o.Show(c.OutOrStdout())
		}
		_, err = c.OutOrStdout().Write(text)
		return err
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print the in-toto statement as it was written")
	c.Flags().BoolVar(&signed, "signed", false, "print the bytes that were signed, for ssh-keygen -Y verify")
	c.Flags().BoolVar(&signature, "signature", false, "print the signature, as ssh-keygen reads it")
	c.MarkFlagsMutuallyExclusive("json", "signed", "signature")
	return c
}

func verify() *cobra.Command {
	var h receipts.Held
	c := cli.Command("verify [flags] FILE", "Check a receipt, and that it says what you want", cli.Exactly(1), func(c *cobra.Command, args []string) error {
		w, err := h.Wanted()
		if err != nil {
			return err
		}
		o, err := receipts.Read(args[0])
		if err == nil {
			err = o.Verify(w)
		}
		if err != nil {
			return cli.StatusError{Err: err, Status: exitDiffers}
		}
		cli.Say(c, "%s", o.Verdict(w))
		return nil
	})
	fs := c.Flags()
	fs.StringVar(&h.Signers, "allowed-signers", "", "it is signed by a key in `FILE`, as for ssh-keygen -Y verify")
	fs.StringVar(&h.Identity, "identity", "", "and that key is the one of `NAME` there")
	fs.StringVar(&h.Session, "session", "", "it is of the session `ID`")
	fs.StringVar(&h.Policy, "policy", "", "the policy in `FILE` applied, and nothing besides: no policy of the user, no flags; \"none\" for the defaults")
	fs.StringVar(&h.ProjectPolicy, "project-policy", "", "the project's policy was the one in `FILE`")
	fs.StringVar(&h.Lock, "lock", "", "the jail was made by the lock `FILE`")
	fs.StringVar(&h.Config, "config", "", "its configuration was the config.json `FILE`")
	fs.BoolVar(&h.Clean, "clean", false, "the agent ended with 0, and nothing appeared that the host would execute or trust")
	return c
}
