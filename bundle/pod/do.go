package pod

import (
	"fmt"
	"io"
	"os"

	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Do writes the objects of a Pod to w and its seccomp profile to a file, if that
// is named, and returns what whoever asked for it should know. For what is refused
// nothing is written.
func Do(w io.Writer, in Input, profile string) (lines []string, err error) {
	r, err := Export(in)
	if err != nil {
		return nil, err
	}
	text, err := r.Encode(in.Engine)
	if err != nil {
		return nil, err
	}
	if profile != "" {
		if err := os.WriteFile(profile, r.Profile, 0o600); err != nil {
			return nil, fmt.Errorf("seccomp profile: %w", err)
		}
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	for _, n := range r.Notes {
		lines = append(lines, "not carried: "+n.String())
	}
	return append(lines, next(in, r, profile)...), nil
}

// next are the commands that the Pod needs.
func next(in Input, r *Result, profile string) (lines []string) {
	if profile != "" && in.Engine == Kubernetes {
		lines = append(lines, fmt.Sprintf("on each node: install -D -m 0644 %s /var/lib/kubelet/seccomp/%s", show.ShellQuote(profile), r.ProfileName))
	}
	if in.Secret != "" {
		lines = append(lines, fmt.Sprintf("the keys: kubectl create secret generic %s --from-env-file=FILE", in.Secret))
	}
	if in.Engine == Kubernetes {
		return append(lines, "run it: kubectl apply -f FILE")
	}
	options := fmt.Sprintf(" --userns=keep-id:uid=%d,gid=%d", in.There.UID, in.There.UID)
	if profile != "" {
		lines = append(lines, fmt.Sprintf("the profile: install -D -m 0644 %s DIR/%s", show.ShellQuote(profile), r.ProfileName))
		options += " --seccomp-profile-root DIR"
	}
	if (&export{in: in}).closed() {
		options += " --network none"
	}
	return append(lines, "run it: podman kube play"+options+" FILE")
}

// closed: nothing in the Pod needs a network.
func (e *export) closed() bool { return e.in.Form == Plain && e.mode() == "none" }
