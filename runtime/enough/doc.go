// Package enough refuses to start a jail where the caller's limits leave too little
// for it: the Go runtime ends with a dump of all its threads where it gets no memory
// or no thread, and nothing can be done about that once it runs. So this is C, and
// comes before (runtime/constructor).
//
// What does not belong here: limits of jails, and the number of open files, which
// the Go runtime can live with until it is counted (spec/plan).
package enough
