package spec

import (
	"fmt"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// terminal says what a runtime lets through to the caller's terminal.
func (b *builder) terminal() error {
	if b.Policy.Terminal.Filter == policy.FilterAlways {
		b.grant("terminal", "filter", "always", b.origin("terminal.filter"), "what goes into a pipe or a file is filtered as well")
	}
	if c := b.Policy.Terminal.Clipboard; c == policy.ClipboardWrite {
		b.grant("terminal", "clipboard", "write", b.origin("terminal.clipboard"), "the agent chooses what you paste next")
		return annotate(b, contract.TerminalAnnotation, map[string]string{"clipboard": "write"})
	} else if c != policy.ClipboardOff {
		return fmt.Errorf("clipboard %q is not known", c)
	}
	return nil
}

// filter has PID 1 filter what goes elsewhere than to a terminal.
func (b *builder) filter() []string {
	if t := b.Policy.Terminal; t.Filter != policy.FilterAlways {
		return nil
	} else if t.Clipboard == policy.ClipboardWrite {
		return []string{contract.FilterClipboardFlag}
	}
	return []string{contract.FilterFlag}
}
