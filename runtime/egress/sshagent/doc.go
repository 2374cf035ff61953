// Package sshagent lets a jail use keys of the host's ssh agent that stay
// there, to log in to named hosts and to sign for git.
//
// It speaks the agent's protocol (draft-ietf-sshm-ssh-agent) on both sides, and
// passes on what it understood whole: the list of the keys that the policy
// names, and two kinds of signatures. A login is signed on a connection that
// was bound to a host of the policy by session-bind@openssh.com, whose
// signature by the host's key is verified here, and only for the session that
// was bound. A signature of git (SSHSIG) is for no server, and signed if the
// policy says so. Everything else is answered with a failure: forwarded
// agents, other namespaces, keys that are not named, and every message that
// would change the agent.
//
// What is not protected: the agent signs a hash for git, and sees no commit.
// Whoever is in the jail can log in where the policy says as often as it likes,
// while the jail runs. Clients that never bind (libssh2, Go's) cannot log in.
//
// Not here: where the socket is (package supervisor), and what known_hosts says
// (package sshfiles).
package sshagent
