package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// expected is what docs/cluster.md says gets through in a form, as "CLASS ATTACK".
var expected = map[string]*regexp.Regexp{
	"plain": regexp.MustCompile(`^(persistence trust-.*|races race-report|host moves .*|exhaustion inodes-(tmp|var-tmp|shm|home)|network (lan-tcp|literal-public)|sockets udp-(lan|lite)|files read-kernel-settings|devices kernel-secret-(interrupts|kallsyms)|races race-masked-file|terminal escape-.*|privilege (setuid|device)-mounts)$`),
	"own":   regexp.MustCompile(`^terminal escape-.*$`),
}

// through prints what got through of all attacks on a form, and fails where
// that is more than the docs say, or too few were tried.
//
// Arguments: the form, and what "audit --json" said.
func through(args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var all []struct{ Class, Attack, Result string }
	if err := json.Unmarshal(text, &all); err != nil {
		return fmt.Errorf("the audit of %s: %w: %s", args[0], err, text)
	}
	held := 0
	var got, more []string
	for _, a := range all {
		name := a.Class + " " + a.Attack
		switch a.Result {
		case "held":
			held++
		case "GOT THROUGH":
			got = append(got, name)
			if !expected[args[0]].MatchString(name) {
				more = append(more, name)
			}
		}
	}
	fmt.Fprintf(os.Stdout, "\n%s: of %d attacks %d held and %d got through: %s\n", args[0], len(all), held, len(got), strings.Join(got, ", "))
	if held < 400 {
		return fmt.Errorf("too few attacks were tried on %s", args[0])
	}
	if len(more) > 0 {
		return fmt.Errorf("not said in docs/cluster.md, and gets through %s: %s", args[0], strings.Join(more, ", "))
	}
	return nil
}

// answers ends well where the kubelet does.
func answers(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	n, err := newNode(args[0])
	if err == nil {
		_, err = n.pods("")
	}
	return err
}
