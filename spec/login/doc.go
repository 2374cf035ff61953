// Package login is what a jail has of a login that stays outside: whether there
// is one that it can use, and the placeholder that stands for it in a private
// folder of the agent's.
//
// What does not belong here: tokens that are sent outside of the jail
// (runtime/login), how logins are written down (internal/credential), and which
// agents have which (spec/agent). No error tells what is in a login.
package login
