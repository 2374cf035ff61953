// Package screen starts a program on a terminal and says how long it takes until a
// text is there. It answers what programs ask a terminal at their start, so that
// none of them waits for an answer, and ends whatever they left running: what the
// next start would find there is for no one.
//
// What does not belong here: which programs, and what is compared.
package screen
