package question

import (
	"fmt"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/bridge"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// maxShown is how much of an address is shown. Its name always is.
const maxShown = 600

// Open is the question whether a page may be opened.
func Open(p bridge.Page) string {
	var b strings.Builder
	name := p.Host
	if p.Port != network.HTTPSPort {
		name = fmt.Sprintf("%s, port %d", p.Host, p.Port)
	}
	shown := p.URL
	if len(shown) > maxShown {
		shown = fmt.Sprintf("%s… (%d more characters)", shown[:maxShown], len(shown)-maxShown)
	}
	fmt.Fprintf(&b, "jailed-claude: the jail asks for a page in your browser:\n\n    %s\n\n%s\n\n", name, shown)
	b.WriteString("The jail chose the address, and what it carries.\n")
	if p.Answer != 0 {
		fmt.Fprintf(&b, "The page answers at port %d of your localhost, which leads to the jail for %d minutes.\n", p.Answer, int(bridge.AnswerTime.Minutes()))
	}
	b.WriteString("\nyes and Enter opens it, anything else does not: ")
	return b.String()
}
