package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// node is a kubelet that has its Pods from a folder.
type node struct {
	http.Client
	address, manifests string
}

// newNode is the one of this cluster, in a folder.
func newNode(dir string) (*node, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "pki/to-kubelet.pem"), filepath.Join(dir, "pki/to-kubelet.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(dir, "pki/ca.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	n := &node{address: "https://10.250.0.1:10250", manifests: filepath.Join(dir, "manifests")}
	n.Transport = &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS12}}
	n.Timeout = time.Minute
	return n, nil
}

func (n *node) get(path string) ([]byte, error) {
	var b bytes.Buffer
	err := n.copy(path, &b)
	return b.Bytes(), err
}

// copy passes on what the kubelet says of a path, and keeps nothing of it.
func (n *node) copy(path string, to io.Writer) error {
	a, err := n.Get(n.address + path)
	if err != nil {
		return err
	}
	defer func() { _ = a.Body.Close() }()
	if a.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(a.Body, 4096))
		return errors.Join(fmt.Errorf("%s: %s: %s", path, a.Status, text), err)
	}
	_, err = io.Copy(to, a.Body)
	return err
}

// start has the kubelet run a Pod: a file that is there whole or not at all.
func (n *node) start(name string, pod object) error {
	text, err := json.Marshal(pod)
	if err != nil {
		return err
	}
	// Names with a dot it does not read.
	fresh := filepath.Join(n.manifests, "."+name)
	if err := os.WriteFile(fresh, text, 0o644); err != nil { //nolint:gosec // no key is in it but a made-up one
		return err
	}
	return os.Rename(fresh, filepath.Join(n.manifests, name+".json"))
}

func (n *node) stop(name string) error { return os.Remove(filepath.Join(n.manifests, name+".json")) }

// aPod is what is read of one.
type aPod struct {
	Metadata struct{ Name string }
	Status   struct {
		Phase, Reason, Message string
		ContainerStatuses      []struct {
			Name, ImageID string
			State         struct {
				Waiting    *struct{ Reason, Message string }
				Terminated *struct {
					ExitCode        int
					Reason, Message string
				}
			}
		}
	}
}

// ended: the agent of a Pod is over, and with which status; or why not.
func (p aPod) ended() (over bool, exit int, why string) {
	for _, c := range p.Status.ContainerStatuses {
		if c.Name != agentName {
			continue
		}
		if t := c.State.Terminated; t != nil {
			return true, t.ExitCode, t.Reason + " " + t.Message
		}
		if w := c.State.Waiting; w != nil {
			why = w.Reason + " " + w.Message
		}
	}
	return p.Status.Phase == "Failed", -1, strings.Join([]string{p.Status.Phase, p.Status.Reason, p.Status.Message, why}, " ")
}

// pods are those of the kubelet whose names begin so.
func (n *node) pods(prefix string) ([]aPod, error) { return n.list("/pods", prefix) }

func (n *node) list(what, prefix string) ([]aPod, error) {
	text, err := n.get(what)
	if err != nil {
		return nil, err
	}
	var all struct{ Items []aPod }
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	var mine []aPod
	for _, p := range all.Items {
		if strings.HasPrefix(p.Metadata.Name, prefix) {
			mine = append(mine, p)
		}
	}
	return mine, nil
}

// wait waits until as many agents have ended.
func (n *node) wait(prefix string, count int, limit time.Duration) ([]aPod, error) {
	for end := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
		all, err := n.pods(prefix)
		if err != nil {
			return nil, err
		}
		over, why := 0, "no Pod"
		for _, p := range all {
			if is, _, reason := p.ended(); is {
				over++
			} else {
				why = p.Metadata.Name + ": " + reason
			}
		}
		if over == count {
			return all, nil
		}
		if time.Now().After(end) {
			return all, fmt.Errorf("%d of %d Pods have ended in %s; %s", over, count, limit, why)
		}
	}
}

// gone waits until nothing of them runs: the kubelet forgets a Pod before the
// runtime has ended it.
func (n *node) gone(prefix string) error {
	for end := time.Now().Add(limit); ; time.Sleep(200 * time.Millisecond) {
		known, err := n.pods(prefix)
		if err != nil {
			return err
		}
		running, err := n.list("/runningpods/", prefix)
		if err != nil || len(known)+len(running) == 0 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d Pods are still known and %d run", len(known), len(running))
		}
	}
}

// output passes on one of the streams of an agent.
func (n *node) output(pod, stream string, to io.Writer) error {
	return n.copy("/containerLogs/default/"+url.PathEscape(pod)+"/"+agentName+"?stream="+stream, to)
}
