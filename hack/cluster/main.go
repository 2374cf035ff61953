// Command cluster is what hack/cluster.sh needs around a kubelet: its
// certificates, an internet, a registry, and who sends Pods and collects what
// came of them. It is a module of its own, whose tool is the kubelet.
//
// What does not belong here: what a Pod looks like (bundle/pod).
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

var errUsage = errors.New("usage: cluster certificates|serve|pause-image|answers|fleet|attack|through ARGS")

func main() {
	// The image of the container that keeps a Pod's namespaces has this program
	// alone.
	if len(os.Args) == 1 {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
		<-stop
		return
	}
	commands := map[string]func([]string) error{
		"answers": answers, "through": through, "certificates": certificates, "serve": serve, "pause-image": pauseImage, "fleet": fleet, "attack": attack,
	}
	run, ok := commands[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, errUsage)
		os.Exit(2)
	}
	if err := run(os.Args[2:]); err != nil {
		if s, ok := errors.AsType[status](err); ok {
			os.Exit(int(s))
		}
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}
