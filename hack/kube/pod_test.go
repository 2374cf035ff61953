package kube

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	strict "sigs.k8s.io/yaml"
)

// golden are the Pods of bundle/pod.
const golden = "../../bundle/pod/testdata"

// sandbox is the part of agent-sandbox's type that is used: the real one needs
// all of its controller.
type sandbox struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		PodTemplate struct {
			metav1.ObjectMeta `json:"metadata"`
			Spec              corev1.PodSpec `json:"spec"`
		} `json:"podTemplate"`
	} `json:"spec"`
}

// objects are those of a file, as kubectl and podman read it.
func objects(t *testing.T, file string) (all []map[string]any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var o map[string]any
		if err := d.Decode(&o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if items, ok := o["items"].([]any); ok {
			for _, i := range items {
				all = append(all, i.(map[string]any))
			}
			continue
		}
		all = append(all, o)
	}
}

// decode reads an object into the type of its kind; a field that this has not is
// an error.
func decode(o map[string]any) (any, error) {
	kind := fmt.Sprint(o["apiVersion"], " ", o["kind"])
	var into any
	switch kind {
	case "v1 Pod":
		into = &corev1.Pod{}
	case "v1 ConfigMap":
		into = &corev1.ConfigMap{}
	case "networking.k8s.io/v1 NetworkPolicy":
		into = &networkingv1.NetworkPolicy{}
	case "agents.x-k8s.io/v1beta1 Sandbox":
		into = &sandbox{}
	case "cilium.io/v2 CiliumNetworkPolicy":
		return nil, nil // TestDefinitions
	default:
		return nil, fmt.Errorf("the kind %s is not known here", kind)
	}
	text, err := strict.Marshal(o)
	if err != nil {
		return nil, err
	}
	return into, strict.UnmarshalStrict(text, into)
}

func files(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(golden + "/*.json")
	if err != nil || len(all) < 8 {
		t.Fatalf("%q: %v", all, err)
	}
	return all
}

// TestStrict: no object has a field that Kubernetes does not know.
func TestStrict(t *testing.T) {
	for _, f := range files(t) {
		for _, o := range objects(t, f) {
			if _, err := decode(o); err != nil {
				t.Errorf("%s: %v", f, err)
			}
		}
	}
	// And one that it does not know is found.
	o := objects(t, golden+"/plain.json")
	p := o[len(o)-1]
	p["spec"].(map[string]any)["hostUser"] = false
	if _, err := decode(p); err == nil || !strings.Contains(err.Error(), "hostUser") {
		t.Errorf("a misspelt field is not found: %v", err)
	}
}

// podOf is the Pod among the objects of a file.
func podOf(t *testing.T, file string) (*metav1.ObjectMeta, *corev1.PodSpec) {
	t.Helper()
	for _, o := range objects(t, file) {
		v, err := decode(o)
		if err != nil {
			t.Fatal(err)
		}
		switch v := v.(type) {
		case *corev1.Pod:
			return &v.ObjectMeta, &v.Spec
		case *sandbox:
			return &v.Spec.PodTemplate.ObjectMeta, &v.Spec.PodTemplate.Spec
		}
	}
	t.Fatalf("%s has no Pod", file)
	return nil, nil
}

// TestPodSecurity: which levels take which form, and why others do not.
func TestPodSecurity(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	verdict := func(level api.Level, m *metav1.ObjectMeta, s *corev1.PodSpec) (why []string) {
		for _, r := range evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: api.LatestVersion()}, m, s) {
			if !r.Allowed {
				why = append(why, r.ForbiddenReason)
			}
		}
		return why
	}
	for _, f := range files(t) {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		m, s := podOf(t, f)
		baseline, restricted := verdict(api.LevelBaseline, m, s), verdict(api.LevelRestricted, m, s)
		switch {
		case strings.HasPrefix(name, "plain"):
			if len(baseline)+len(restricted) > 0 {
				t.Errorf("%s is not restricted: %q", name, restricted)
			}
		case strings.HasPrefix(name, "own"):
			if len(baseline) > 0 || !slices.Equal(restricted, []string{"procMount"}) {
				t.Errorf("%s: baseline says %q, restricted %q", name, baseline, restricted)
			}
		default: // a machine's own folders
			if !slices.Contains(baseline, "hostPath volumes") {
				t.Errorf("%s: baseline says %q", name, baseline)
			}
		}
	}
	// One that asks for more is refused.
	m, s := podOf(t, golden+"/plain.json")
	yes := true
	s.Containers[0].SecurityContext.AllowPrivilegeEscalation = &yes
	if len(verdict(api.LevelRestricted, m, s)) == 0 {
		t.Error("any Pod is restricted")
	}
}

// TestSelected: the policy is of the Pod that comes with it.
func TestSelected(t *testing.T) {
	for _, f := range files(t) {
		m, _ := podOf(t, f)
		for _, o := range objects(t, f) {
			spec, _ := o["spec"].(map[string]any)
			s, ok := spec["podSelector"].(map[string]any)
			if !ok {
				if s, ok = spec["endpointSelector"].(map[string]any); !ok {
					continue
				}
			}
			labels := s["matchLabels"].(map[string]any)
			if len(labels) == 0 {
				t.Errorf("%s: the policy is of every Pod", f)
			}
			for k, v := range labels {
				if m.Labels[k] != v {
					t.Errorf("%s: the policy wants %s=%s, and the Pod has %q", f, k, v, m.Labels[k])
				}
			}
		}
	}
}
