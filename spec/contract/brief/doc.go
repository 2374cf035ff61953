// Package brief is what a jail is told about itself: the text that its agent
// reads (Text), the facts for scripts (Facts, as JSON), and what would happen
// to a path or a host, by which rule (Answer). The same facts answer outside,
// before and while a jail runs, and inside.
//
// A jail is told what it can find out by trying: places, rules that allow, what
// is protected. It is not told which paths are hidden (only how many), what is
// denied by name, where keys come from, nor which file of the user's says so.
// Names that a project chose are in no text that an agent trusts (Text).
//
// What does not belong here: finding facts out, files, mounts.
package brief
