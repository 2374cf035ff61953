// Package broker says which brokers a jail has: those of the policy, those that
// are made of the caller's own keys and logins, and what each is for.
//
// What does not belong here: what a broker does (runtime/egress/broker), where
// keys and logins lie on the host (spec/plan, spec/login), and the rest of the
// network (spec).
package broker
