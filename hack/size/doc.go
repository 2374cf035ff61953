// Package size holds the bounds of what one person reads in one sitting: lines
// of a file, of a package, and of the command line. Tests are not counted.
//
// What does not belong here: who may import whom (imports).
package size
