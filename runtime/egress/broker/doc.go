// Package broker lets a jail use a service with a key that stays outside.
//
// Inside, the service is at its own name over TLS, with HTTP/1.1 and HTTP/2, and
// at the broker's name as plain HTTP. A placeholder stands for the key. The
// broker replaces it in one header and nowhere else, and speaks TLS to the real
// service. Another key in that header goes nowhere, so a key of somebody else's
// cannot be used through it. A request to the service's own name without that
// header goes on without a key. The placeholder sent anywhere else is worthless.
//
// Bodies pass in both directions as they come: what a server sends as events
// arrives as events. Nothing is sent twice by the broker itself, beyond what
// net/http does where a connection that it had kept open was closed by the
// server before any byte of the request was written, or before any byte of the
// answer to a request that is safe to repeat and has no body came.
//
// What comes back is searched for the key, which is overwritten. That is for
// services that show a request to its sender, not a defence against one that
// wants the key out: it could send it in any other spelling.
//
// What is not protected: the service itself. Whoever is in the jail can do
// there whatever the key may do below the paths that are allowed, while the
// jail runs.
//
// Not here: which connections are for a broker, how names are resolved and
// which addresses may be dialled (package egress), where keys come from (packages
// key and login).
package broker
