// Package sshsig signs and verifies as "ssh-keygen -Y" does: the format SSHSIG
// (PROTOCOL.sshsig of OpenSSH), and files of allowed signers (ssh-keygen(1)).
//
// What is not protected: certificates are not known. A key that is allowed by an
// authority alone ("cert-authority") is refused.
//
// What does not belong here: what is signed, and asking the user for anything.
package sshsig
