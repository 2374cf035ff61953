package network

import "strings"

// FromAWS begins the From of a broker that signs requests again with keys of AWS
// (Signature Version 4): "aws:PROFILE" of the host's credentials, or AWSEnv.
const FromAWS = "aws:"

// AWSEnv stands for the variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN of the caller.
const AWSEnv = FromAWS + "env"

// The variables that have AWS's keys.
const (
	AWSKeyID  = "AWS_ACCESS_KEY_ID"
	AWSSecret = "AWS_SECRET_ACCESS_KEY" //nolint:gosec // its name
	AWSToken  = "AWS_SESSION_TOKEN"     //nolint:gosec // its name
)

// Signs tells whether the broker signs requests again, and has no header of its own.
func (b Broker) Signs() bool { return strings.HasPrefix(b.From, FromAWS) }

// Below is the domain of a broker that is for all names below one; empty for one
// name.
func (b Broker) Below() string {
	domain, ok := strings.CutPrefix(b.Host, "*.")
	if !ok {
		return ""
	}
	return domain
}

// Serves tells whether a normal name is one of the broker's.
func (b Broker) Serves(name string) bool {
	if domain := b.Below(); domain != "" {
		return strings.HasSuffix(name, "."+domain)
	}
	return b.Host != "" && name == b.Host
}
