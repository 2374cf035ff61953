package agent

import "github.com/jailed-claude/jailed-claude/spec/network"

// Login is a login of the user on the host, which a jail uses without having it.
type Login struct {
	// Format is how it is written down (internal/credential).
	Format string
	// Folder is the index of the folder with its file, in Folders.
	Folder int
	// Services are what its token is sent to: these and no others, whatever the
	// first of them says.
	Services []Service
	// Variable holds the placeholder in the jail, and With are others that make
	// the program look there. Empty: the placeholder is in the login's own file.
	Variable string
	With     []Variable
	// Prefix is what a token has to begin with for the program to take it.
	Prefix string
	// Unless are names of brokers that are used instead if there is one.
	Unless []string
}

// Service is one that takes the token of a login, in the header Authorization.
type Service struct {
	// Name is that of the broker, Host the service's.
	Name, Host string
	// Paths are what the agent calls: see network.Broker.
	Paths []string
	// Shared: others use the service as well, for other things.
	Shared bool
}

// Brokers are those of the login in a folder of the host. They share a
// placeholder.
func (l Login) Brokers(dir string) (all []network.Broker) {
	for i, s := range l.Services {
		b := network.Broker{Name: s.Name, Upstream: "https://" + s.Host, Header: "Authorization", From: network.FromLogin + l.Format + ":" + dir, Paths: s.Paths, Prefix: l.Prefix}
		if i == 0 {
			b.Env = l.Variable
		} else {
			b.As = l.Services[0].Name
		}
		all = append(all, b)
	}
	return all
}

// Placeholder stands for the token in a jail.
func (l Login) Placeholder() string { return l.Brokers("")[0].Placeholder() }

// chatGPT is the login of ChatGPT, as Codex and others use it. A workspace of
// another region has another host, which is not here.
func chatGPT(format string, folder int, unless ...string) Login {
	return Login{
		Format: format, Folder: folder, Unless: unless,
		Services: []Service{{Name: "chatgpt", Host: "chatgpt.com", Paths: []string{"/backend-api/codex/", "/backend-api/wham/", "/backend-api/ps/"}}},
	}
}

// geminiLogin is the login of Google. The program asks who the user is before
// it does anything, so the token goes to three services.
func geminiLogin() Login {
	var paths []string
	for _, method := range []string{
		"countTokens", "fetchAdminControls", "generateContent", "listExperiments", "loadCodeAssist", "onboardUser",
		"recordCodeAssistMetrics", "retrieveUserQuota", "streamGenerateContent",
	} {
		paths = append(paths, "/v1internal:"+method)
	}
	return Login{
		Format: "gemini", Unless: []string{"gemini"},
		Services: []Service{
			{Name: "gemini-code", Host: "cloudcode-pa.googleapis.com", Paths: paths},
			{Name: "gemini-tokeninfo", Host: "oauth2.googleapis.com", Paths: []string{"/tokeninfo"}, Shared: true},
			{Name: "gemini-userinfo", Host: "www.googleapis.com", Paths: []string{"/oauth2/v2/userinfo"}, Shared: true},
		},
		Variable: "GOOGLE_CLOUD_ACCESS_TOKEN", With: []Variable{{Name: "GOOGLE_GENAI_USE_GCA", Value: "true"}},
	}
}

// copilotLogin is a token of GitHub. The first service says which of the others
// it is for.
func copilotLogin() Login {
	l := Login{
		Format: "copilot", Variable: "COPILOT_GITHUB_TOKEN", Prefix: "gho_",
		Services: []Service{{Name: "copilot", Host: "api.github.com", Paths: []string{"/copilot_internal/", "/repos/github/copilot-cli/releases"}, Shared: true}},
	}
	for _, plan := range []string{"individual", "business", "enterprise"} {
		l.Services = append(l.Services, Service{Name: "copilot-" + plan, Host: "api." + plan + ".githubcopilot.com"})
	}
	return l
}
