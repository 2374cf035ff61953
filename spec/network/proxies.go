package network

import "strings"

// ProxyVariables name the caller's proxies, in either case.
var ProxyVariables = []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"}

// Proxied tells whether programs with these variables use a proxy.
func Proxied(variables map[string]string) bool {
	for _, name := range ProxyVariables {
		if variables[name] != "" || variables[strings.ToLower(name)] != "" {
			return true
		}
	}
	return false
}
