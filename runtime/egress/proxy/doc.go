// Package proxy understands programs that ask for a connection: by SOCKS 5 (RFC
// 1928, without authentication, CONNECT only), by HTTP CONNECT (RFC 9110,
// 9.3.6), or by a plain HTTP request with a whole URL (RFC 9112, 3.2.2). All
// three may come to one listener: the first byte tells them apart.
//
// A connection leads to one place. Behind SOCKS and CONNECT is a tunnel, in
// which a further CONNECT is a word to the target and not to this package. A
// plain request is passed on with "Connection: close": there is no second one
// for another host.
//
// What does not belong here: whether the target may be reached, and dialling.
package proxy
