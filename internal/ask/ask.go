package ask

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNobody is the error where nobody can be asked.
var ErrNobody = errors.New("cannot ask for confirmation: stdin is not a terminal")

// On asks on a terminal, and returns the answer. The end of the input is no
// answer, and ends what asks.
func On(terminal io.Reader, w io.Writer) func(question string) string {
	in := bufio.NewReader(terminal)
	return func(question string) string {
		fmt.Fprint(w, "jailed-claude: "+question)
		line, err := in.ReadString('\n')
		if err != nil {
			return "q"
		}
		return strings.ToLower(strings.TrimSpace(line))
	}
}

// Yes reports whether an answer is one.
func Yes(answer string) bool { return answer == "y" || answer == "yes" }
