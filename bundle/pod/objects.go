package pod

// What of the API of Kubernetes, of Cilium and of agent-sandbox is used here, in
// the order in which it is written. hack/kube decodes it strictly with the real
// types.

type meta struct {
	Name        string            `json:"name,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type typeMeta struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

type list struct {
	typeMeta
	Items []any `json:"items"`
}

type configMap struct {
	typeMeta
	Metadata meta              `json:"metadata"`
	Data     map[string]string `json:"data"`
}

type podObject struct {
	typeMeta
	Metadata meta    `json:"metadata"`
	Spec     podSpec `json:"spec"`
}

// sandbox is sigs.k8s.io/agent-sandbox's.
type sandbox struct {
	typeMeta
	Metadata meta        `json:"metadata"`
	Spec     sandboxSpec `json:"spec"`
}

type sandboxSpec struct {
	PodTemplate podTemplate `json:"podTemplate"`
}

type podTemplate struct {
	Metadata meta    `json:"metadata"`
	Spec     podSpec `json:"spec"`
}

type podSpec struct {
	RestartPolicy                string             `json:"restartPolicy"`
	AutomountServiceAccountToken bool               `json:"automountServiceAccountToken"`
	EnableServiceLinks           bool               `json:"enableServiceLinks"`
	HostUsers                    bool               `json:"hostUsers"`
	Hostname                     string             `json:"hostname,omitempty"`
	SecurityContext              podSecurityContext `json:"securityContext"`
	InitContainers               []container        `json:"initContainers,omitempty"`
	Containers                   []container        `json:"containers"`
	Volumes                      []volume           `json:"volumes,omitempty"`
}

type podSecurityContext struct {
	RunAsNonRoot   bool           `json:"runAsNonRoot"`
	RunAsUser      int            `json:"runAsUser"`
	RunAsGroup     int            `json:"runAsGroup"`
	FSGroup        int            `json:"fsGroup"`
	SeccompProfile seccompProfile `json:"seccompProfile"`
}

type seccompProfile struct {
	Type             string `json:"type"`
	LocalhostProfile string `json:"localhostProfile,omitempty"`
}

type container struct {
	Name            string          `json:"name"`
	Image           string          `json:"image"`
	RestartPolicy   string          `json:"restartPolicy,omitempty"`
	Command         []string        `json:"command"`
	WorkingDir      string          `json:"workingDir,omitempty"`
	Env             []envVar        `json:"env,omitempty"`
	Stdin           bool            `json:"stdin,omitempty"`
	TTY             bool            `json:"tty,omitempty"`
	SecurityContext securityContext `json:"securityContext"`
	Resources       *resources      `json:"resources,omitempty"`
	VolumeMounts    []volumeMount   `json:"volumeMounts,omitempty"`
}

type securityContext struct {
	AllowPrivilegeEscalation bool         `json:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   bool         `json:"readOnlyRootFilesystem"`
	ProcMount                string       `json:"procMount,omitempty"`
	Capabilities             capabilities `json:"capabilities"`
}

type capabilities struct {
	Drop []string `json:"drop"`
}

type envVar struct {
	Name      string     `json:"name"`
	Value     string     `json:"value,omitempty"`
	ValueFrom *envSource `json:"valueFrom,omitempty"`
}

type envSource struct {
	SecretKeyRef keyRef `json:"secretKeyRef"`
}

type keyRef struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

type resources struct {
	Limits map[string]string `json:"limits"`
}

type volumeMount struct {
	Name              string `json:"name"`
	MountPath         string `json:"mountPath"`
	SubPath           string `json:"subPath,omitempty"`
	ReadOnly          bool   `json:"readOnly,omitempty"`
	RecursiveReadOnly string `json:"recursiveReadOnly,omitempty"`
}

type volume struct {
	Name      string       `json:"name"`
	EmptyDir  *emptyDir    `json:"emptyDir,omitempty"`
	HostPath  *hostPath    `json:"hostPath,omitempty"`
	ConfigMap *fromMap     `json:"configMap,omitempty"`
	Claim     *volumeClaim `json:"persistentVolumeClaim,omitempty"`
}

type emptyDir struct {
	Medium    string `json:"medium,omitempty"`
	SizeLimit string `json:"sizeLimit,omitempty"`
}

type hostPath struct {
	Path string `json:"path"`
}

type fromMap struct {
	Name string `json:"name"`
}

type volumeClaim struct {
	ClaimName string `json:"claimName"`
}

// networkPolicy is networking.k8s.io/v1's.
type networkPolicy struct {
	typeMeta
	Metadata meta       `json:"metadata"`
	Spec     policySpec `json:"spec"`
}

type policySpec struct {
	PodSelector selector     `json:"podSelector"`
	PolicyTypes []string     `json:"policyTypes"`
	Egress      []egressRule `json:"egress,omitempty"`
}

type selector struct {
	MatchLabels map[string]string `json:"matchLabels"`
}

type egressRule struct {
	To    []peer       `json:"to"`
	Ports []policyPort `json:"ports"`
}

type peer struct {
	IPBlock           *ipBlock  `json:"ipBlock,omitempty"`
	NamespaceSelector *selector `json:"namespaceSelector,omitempty"`
	PodSelector       *selector `json:"podSelector,omitempty"`
}

type ipBlock struct {
	CIDR   string   `json:"cidr"`
	Except []string `json:"except,omitempty"`
}

type policyPort struct {
	Protocol string `json:"protocol"`
	Port     int    `json:"port,omitempty"`
}

// ciliumPolicy is cilium.io/v2's CiliumNetworkPolicy.
type ciliumPolicy struct {
	typeMeta
	Metadata meta       `json:"metadata"`
	Spec     ciliumSpec `json:"spec"`
}

type ciliumSpec struct {
	EndpointSelector selector       `json:"endpointSelector"`
	Ingress          []struct{}     `json:"ingress"`
	Egress           []ciliumEgress `json:"egress"`
}

type ciliumEgress struct {
	ToEndpoints []selector    `json:"toEndpoints,omitempty"`
	ToFQDNs     []ciliumName  `json:"toFQDNs,omitempty"`
	ToCIDRSet   []ipBlock     `json:"toCIDRSet,omitempty"`
	ToPorts     []ciliumPorts `json:"toPorts,omitempty"`
}

type ciliumName struct {
	MatchName    string `json:"matchName,omitempty"`
	MatchPattern string `json:"matchPattern,omitempty"`
}

type ciliumPorts struct {
	Ports       []ciliumPort `json:"ports"`
	ServerNames []string     `json:"serverNames,omitempty"`
	Rules       *ciliumRules `json:"rules,omitempty"`
}

type ciliumPort struct {
	Port     string `json:"port"`
	Protocol string `json:"protocol"`
}

type ciliumRules struct {
	DNS []ciliumName `json:"dns"`
}
