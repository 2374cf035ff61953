// Package upstream connects by way of the proxies that the host's programs use:
// HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, as curl and Go read them. A
// proxy is asked with CONNECT, or by SOCKS 5.
//
// No error has the name and the password of a proxy in it.
//
// What is not protected: a proxy looks names up itself, so that what a name
// leads to is its word, and it sees where all connections go.
//
// Not here: what may be reached at all (package egress), and proxies that
// programs in a jail speak to (package proxy).
package upstream
