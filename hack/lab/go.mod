module github.com/jailed-claude/jailed-claude/hack/lab

go 1.26.8

replace github.com/jailed-claude/jailed-claude => ../..

require (
	github.com/jailed-claude/jailed-claude v0.0.0
	github.com/vishvananda/netlink v1.3.1
	golang.org/x/crypto v0.58.0
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.49.0
)

require github.com/vishvananda/netns v0.0.5 // indirect
