package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The agents' user, in the image and, by mappings of mounts, on the node.
const uid = 1000

// limit is for what has to end by itself, on a busy machine too.
const limit = 15 * time.Minute

// key is what only a broker has; bare Pods have it as people give it.
var keys = map[string]string{"ANTHROPIC_API_KEY": "sk-ant-the-key-of-the-cluster"}

// forms are what runs side by side: bare is the agent in a Pod without ours.
var forms = []string{"bare", "plain", "own"}

// came is what came of the Pods of a form.
type came struct {
	seconds                             []float64
	ok, results, receipts, pods         int
	allowed, refused, kept, placeholder int
	image                               string
}

// fleet runs as many Pods of each form, one form after the other, in rounds, and
// prints what came of them.
//
// Arguments: the folder of the cluster, what they do (the name of a template
// after that of the form), how many Pods, how many rounds.
func fleet(args []string) error {
	if len(args) != 4 {
		return errUsage
	}
	dir, work := args[0], args[1]
	count, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	rounds, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	n, err := newNode(dir)
	if err != nil {
		return err
	}
	all := map[string]*came{}
	for _, form := range forms {
		all[form] = &came{}
	}
	// The first round is not counted: it pulls the image.
	for round := range rounds + 1 {
		order := slices.Clone(forms)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, form := range order {
			c := all[form]
			if round == 0 {
				c = &came{}
			}
			name := fmt.Sprintf("%s-%s-%d", form, work, round)
			if err := n.play(dir, form, work, name, count, c); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			fmt.Fprintf(os.Stderr, "cluster: %s: %d Pods\n", name, count)
		}
	}
	table(work, all)
	for _, form := range forms {
		if c := all[form]; c.ok != c.pods || c.results != c.pods || form == "own" && c.receipts != c.pods {
			return fmt.Errorf("not all Pods of %s did what they should", form)
		}
	}
	return nil
}

// play runs Pods of a form to their ends.
func (n *node) play(dir, form, work, name string, count int, c *came) error {
	of := form
	if form == "bare" {
		of = "plain"
	}
	t, err := readTemplate(filepath.Join(dir, of+"-"+work+".json"))
	if err != nil {
		return err
	}
	place := filepath.Join(dir, "agents", name)
	pods := map[string]object{}
	for i := range count {
		pod := fmt.Sprintf("%s-%d", name, i)
		mine := filepath.Join(place, strconv.Itoa(i))
		if err := os.MkdirAll(filepath.Join(mine, "receipts"), 0o755); err != nil {
			return err
		}
		if out, err := exec.Command("cp", "-a", filepath.Join(dir, "project"), mine).CombinedOutput(); err != nil { //nolint:gosec // folders of this cluster
			return fmt.Errorf("%w: %s", err, out)
		}
		if err := os.Chown(filepath.Join(mine, "receipts"), uid, uid); err != nil {
			return err
		}
		p, err := t.at(pod, dir, filepath.Join(mine, "project"), keys)
		if err != nil {
			return err
		}
		switch form {
		case "bare":
			bare(p, keys)
		case "own":
			mount(p, "receipts", filepath.Join(mine, "receipts"), "/receipts")
			command, _ := agentOf(p)["command"].([]any)
			agentOf(p)["command"] = slices.Insert(slices.Clone(command), 2, any("--receipt"), any("/receipts/receipt.json"))
		}
		pods[pod] = p
	}
	start := time.Now()
	for pod, p := range pods {
		if err := n.start(pod, p); err != nil {
			return err
		}
	}
	ended, err := n.wait(name+"-", count, limit)
	if err != nil {
		return err
	}
	c.seconds = append(c.seconds, time.Since(start).Seconds())
	for _, p := range ended {
		if err := n.collect(place, name, work, p, c); err != nil {
			return err
		}
	}
	for pod := range pods {
		if err := n.stop(pod); err != nil {
			return err
		}
	}
	return n.gone(name + "-")
}

// collect is what a Pod left: its status, its words, its project and its receipt.
func (n *node) collect(place, name, work string, p aPod, c *came) error {
	var out, errs strings.Builder
	if err := n.output(p.Metadata.Name, "Stdout", &out); err != nil {
		return err
	}
	c.pods++
	_, exit, why := p.ended()
	number, _, _ := strings.Cut(strings.TrimPrefix(p.Metadata.Name, name+"-"), "-")
	mine := filepath.Join(place, number)
	words := "(Claude Code)"
	if work == "turn" {
		words = "finished"
	}
	if exit == 0 && strings.Contains(out.String(), words) {
		c.ok++
	} else {
		_ = n.output(p.Metadata.Name, "Stderr", &errs)
		fmt.Fprintf(os.Stderr, "cluster: %s: status %d (%s)\n%s%s\n", p.Metadata.Name, exit, why, out.String(), errs.String())
	}
	result, _ := os.ReadFile(filepath.Join(mine, "project/result"))
	if work != "turn" || bytes.Contains(result, []byte("done")) {
		c.results++
	}
	for what, count := range map[string]*int{
		"reached allowed.example": &c.allowed, "refused elsewhere.example": &c.refused, "kept": &c.kept, "key placeholder": &c.placeholder,
	} {
		if bytes.Contains(result, []byte(what)) {
			*count++
		}
	}
	for _, s := range p.Status.ContainerStatuses {
		if s.Name == agentName {
			c.image = s.ImageID
		}
	}
	var receipt struct {
		Predicate struct {
			Session struct{ ExitStatus *int }
			Network struct {
				Mode    string
				Refused []struct{ What string }
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(mine, "receipts/receipt.json"))
	if err != nil || json.Unmarshal(text, &receipt) != nil {
		return nil //nolint:nilerr // the form has none, and that is counted
	}
	if s := receipt.Predicate.Session.ExitStatus; s != nil && *s == exit {
		c.receipts++
	}
	return nil
}

func table(work string, all map[string]*came) {
	fmt.Fprintf(os.Stdout, "\n%s, %d Pods a time\n\n", work, all[forms[0]].pods/max(1, len(all[forms[0]].seconds)))
	fmt.Fprintln(os.Stdout, "| form | Pods | ended well | result there | receipt | name allowed reached | other name refused | git's settings kept | key not inside | seconds | to bare |")
	fmt.Fprintln(os.Stdout, "|---|---|---|---|---|---|---|---|---|---|---|")
	for _, form := range forms {
		c := all[form]
		var each []string
		var ratios []float64
		for i, s := range c.seconds {
			each = append(each, fmt.Sprintf("%.1f", s))
			ratios = append(ratios, s/all["bare"].seconds[i])
		}
		slices.Sort(ratios)
		fmt.Fprintf(os.Stdout, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %s | %.2f |\n", form, c.pods, c.ok, c.results, c.receipts, c.allowed, c.refused, c.kept, c.placeholder,
			strings.Join(each, " "), ratios[len(ratios)/2])
	}
	fmt.Fprintf(os.Stdout, "\nimage: %s\n", all["own"].image)
}

// status is one of a program, as an error.
type status int

// Error implements error.
func (s status) Error() string { return "exit status " + strconv.Itoa(int(s)) }

// attack runs the attacker as the agent of a Pod of the current folder: what
// "jailed-claude audit --against" calls.
//
// Arguments: the folder of the cluster, the form, a program that is not the one
// in the image, and its arguments.
func attack(args []string) error {
	if len(args) < 3 {
		return errUsage
	}
	dir, form := args[0], args[1]
	n, err := newNode(dir)
	if err != nil {
		return err
	}
	t, err := readTemplate(filepath.Join(dir, form+"-audit.json"))
	if err != nil {
		return err
	}
	project, err := os.Getwd()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("attack-%s-%d-%d", form, os.Getpid(), time.Now().UnixNano())
	p, err := t.at(name, filepath.Join(dir, "agents", "audit"), project, keys)
	if err != nil {
		return err
	}
	command := []any{"/.jail/init", "--", "/.jail/./init"}
	if form == "own" {
		command = []any{"/usr/bin/jailed-claude", "shell", "--policy", "/etc/jailed-claude.d/policy.toml", "--project", "/home/agent/project", "--", "/.jail/./init"}
	}
	for _, a := range args[3:] {
		command = append(command, strings.ReplaceAll(a, "$(", "$$("))
	}
	agentOf(p)["command"] = command
	if err := n.start(name, p); err != nil {
		return err
	}
	defer func() { _ = n.stop(name) }()
	ended, err := n.wait(name, 1, limit)
	if err != nil {
		return err
	}
	for stream, to := range map[string]*os.File{"Stdout": os.Stdout, "Stderr": os.Stderr} {
		if err := n.output(ended[0].Metadata.Name, stream, to); err != nil {
			return err
		}
	}
	if _, exit, _ := ended[0].ended(); exit != 0 {
		return status(exit)
	}
	return nil
}
