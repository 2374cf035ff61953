package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// object is one of Kubernetes, as JSON has it.
type object = map[string]any

const agentName = "agent"

// template is a Pod that "export pod" wrote, with what belongs to it.
type template struct {
	pod  object
	maps map[string]map[string]string
}

func readTemplate(file string) (*template, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	t := &template{maps: map[string]map[string]string{}}
	for _, item := range append(list.Items, text) {
		var o struct {
			Kind     string
			Metadata struct{ Name string }
			Data     map[string]string
		}
		if err := json.Unmarshal(item, &o); err != nil {
			return nil, err
		}
		switch o.Kind {
		case "Pod":
			if err := json.Unmarshal(item, &t.pod); err != nil {
				return nil, err
			}
		case "ConfigMap":
			t.maps[o.Metadata.Name] = o.Data
		}
	}
	if t.pod == nil {
		return nil, fmt.Errorf("%s has no Pod", file)
	}
	return t, nil
}

// at is the Pod for a kubelet without a server: by another name, with a folder of
// this node for its claim, its ConfigMaps in folders and its keys as values. The
// rest is as "export pod" wrote it.
func (t *template) at(name, dir, project string, keys map[string]string) (object, error) {
	text, err := json.Marshal(t.pod)
	if err != nil {
		return nil, err
	}
	var p object
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, err
	}
	p["metadata"].(object)["name"] = name
	spec := p["spec"].(object)
	for _, v := range list(spec["volumes"]) {
		switch {
		case v["persistentVolumeClaim"] != nil:
			delete(v, "persistentVolumeClaim")
			v["hostPath"] = object{"path": project}
		case v["configMap"] != nil:
			of, _ := v["configMap"].(object)["name"].(string)
			files := filepath.Join(dir, "maps", of)
			if err := os.MkdirAll(files, 0o755); err != nil {
				return nil, err
			}
			for file, text := range t.maps[of] {
				if err := os.WriteFile(filepath.Join(files, file), []byte(text), 0o644); err != nil { //nolint:gosec // the Pod's user reads it
					return nil, err
				}
			}
			delete(v, "configMap")
			v["hostPath"] = object{"path": files}
		}
	}
	for _, c := range slices.Concat(list(spec["containers"]), list(spec["initContainers"])) {
		for _, e := range list(c["env"]) {
			if e["valueFrom"] != nil {
				delete(e, "valueFrom")
				e["value"] = keys[e["name"].(string)]
			}
		}
	}
	return p, nil
}

// list are the objects of a JSON array.
func list(v any) (all []object) {
	items, _ := v.([]any)
	for _, i := range items {
		if o, ok := i.(object); ok {
			all = append(all, o)
		}
	}
	return all
}

// agentOf is the container of the agent.
func agentOf(p object) object {
	for _, c := range list(p["spec"].(object)["containers"]) {
		if c["name"] == agentName {
			return c
		}
	}
	return nil
}

// mount adds a folder of the node to the agent's container.
func mount(p object, name, from, to string) {
	spec, c := p["spec"].(object), agentOf(p)
	volumes, _ := spec["volumes"].([]any)
	mounts, _ := c["volumeMounts"].([]any)
	spec["volumes"] = append(volumes, object{"name": name, "hostPath": object{"path": from}})
	c["volumeMounts"] = append(mounts, object{"name": name, "mountPath": to})
}

// bare is the same work without any of ours: the image, the agent, and what every
// Pod of an agent has.
func bare(p object, keys map[string]string) {
	spec, c := p["spec"].(object), agentOf(p)
	delete(spec, "hostUsers")
	delete(spec, "initContainers")
	spec["securityContext"].(object)["seccompProfile"] = object{"type": "RuntimeDefault"}
	command, _ := c["command"].([]any)
	if i := slices.Index(command, any("--")); i >= 0 {
		command = command[i+1:]
	}
	c["command"] = command
	keep := []string{"/home/agent", "/tmp", "/home/agent/project", "/etc/ssl/certs/ca-certificates.crt"}
	var mounts []any
	for _, m := range list(c["volumeMounts"]) {
		if to, _ := m["mountPath"].(string); slices.Contains(keep, to) {
			mounts = append(mounts, m)
		}
	}
	c["volumeMounts"] = mounts
	env, _ := c["env"].([]any)
	env = slices.DeleteFunc(env, func(e any) bool {
		return slices.Contains([]any{"ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"}, e.(object)["name"])
	})
	for name, key := range keys {
		env = append(env, object{"name": name, "value": key})
	}
	c["env"] = env
}
