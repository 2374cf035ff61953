package pod

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// brokersName is the file of the brokers that have a container of their own.
const brokersName = "brokers.json"

// brokerAt is where the agent of a plain Pod finds a broker. Not the places of a
// jail: an ordinary user may not listen there.
func brokerAt(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 10080+uint16(i))
}

// brokers gives those of a plain Pod a container beside that of the agent. The
// keys are there alone: containers of a Pod share the network, not processes,
// files or variables.
func (e *export) brokers() error {
	n := e.in.Jail.Network
	if n == nil {
		return nil
	}
	var env []envVar
	for _, b := range n.Brokers {
		name, ok := strings.CutPrefix(b.From, "env:")
		switch {
		case e.in.Secret == "":
			e.note(fieldNetwork+".brokers", "%s: no broker runs in the Pod, so the agent has no key for %s: --secret NAME, of a Secret with the key", b.Name, b.Upstream)
			continue
		case !ok || b.URLEnv == "":
			e.note(fieldNetwork+".brokers", "%s: only the runtime in the Pod has this broker (--form own), and the agent has no key for %s", b.Name, b.Upstream)
			continue
		}
		b.Host, b.As = "", "" // it has no certificate for the name
		e.served = append(e.served, b)
		env = append(env, envVar{Name: name, ValueFrom: &envSource{keyRef{e.in.Secret, name}}})
		e.note(fieldNetwork+".brokers", "%s: the agent reaches %s itself as well, without the key", b.Name, b.Upstream)
	}
	if len(e.served) == 0 {
		return nil
	}
	text, err := json.Marshal(e.served)
	if err != nil {
		return err
	}
	e.files[brokersName] = string(text)
	files := e.ownFiles()
	e.addVolume(files)
	c := container{
		Name: "broker", Image: e.in.Image, RestartPolicy: "Always", WorkingDir: "/",
		Command:         []string{runtimePath, "hook", "brokers", brokerAt(0).String(), policyDir + "/" + brokersName},
		Env:             env,
		SecurityContext: e.main.SecurityContext,
		VolumeMounts:    []volumeMount{{Name: files.Name, MountPath: policyDir, ReadOnly: true}},
	}
	e.pod.InitContainers = append(e.pod.InitContainers, e.trusting(c))
	e.note("initContainers.restartPolicy", "an API server before 1.29 drops it without a word, and the Pod waits for the broker to end")
	return nil
}

// trusting gives a container the certificates of the agent's.
func (e *export) trusting(c container) container {
	for _, m := range e.main.VolumeMounts {
		if m.MountPath == contract.CertsPath {
			c.VolumeMounts = append(c.VolumeMounts, m)
			c.Env = append(c.Env, envVar{Name: "SSL_CERT_FILE", Value: contract.CertsPath}, envVar{Name: "GIT_SSL_CAINFO", Value: contract.CertsPath})
		}
	}
	return c
}
