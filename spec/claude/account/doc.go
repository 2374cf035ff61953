// Package account is by what an agent in a jail is somebody: the host's login,
// copied or with a placeholder in its place, and the answers about API keys.
//
// What does not belong here: tokens that are sent outside of the jail
// (runtime/login), and the rest of a configuration (package claude). No error
// tells what is in a login.
package account
