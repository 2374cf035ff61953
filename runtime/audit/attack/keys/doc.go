// Package keys has the attacks on keys that stay outside of a jail: hunts for
// them inside, and misuse of who puts them in, the brokers, their certificate
// authority and the ssh agent.
//
// They are made in a jail of their own, whose brokers lead to services that the
// host plays (Service): those answer with the key that they were sent, in every
// place of an answer, and note each request that should not have come. So each
// attack has something to find or to reach, and no key of the user's is used.
//
// What does not belong here: starting that jail (runtime/audit).
package keys
