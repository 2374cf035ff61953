// Package wall makes the network namespace of a jail: one from which nothing
// leads out but the listeners that it opens there.
//
// There is no device but lo. It carries network.Gateway and the default route,
// so that every IPv4 connect finds a way; nftables then send each one to the
// relay's listener and each DNS query to the name server's, and refuse
// everything else at once. The listeners belong to the calling process, which
// stays in its own network namespace: it accepts inside and dials outside.
//
// A wall does not depend on its rules alone: without them packets for foreign
// addresses still end in the namespace, on lo.
//
// What does not belong here: what may be reached. A wall knows no rules.
package wall
