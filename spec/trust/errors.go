package trust

import "errors"

// ErrFile is returned by Read for a policy file that cannot be trusted to be
// the project's: a symlink out of the project, somebody else's file, no regular
// file, or one that is too big.
var ErrFile = errors.New("not a policy file that can apply")

// errUnsafe says why an entry or the folder of a store was ignored: somebody
// else could have made or changed it. It is in the warnings of a Store.
var errUnsafe = errors.New("unsafe")
