// Package message names the messages between the processes of a jail: planner and
// supervisor, supervisor and PID 1, PID 1 and what becomes the agent, hook and
// keeper. message.h has them all, for C and Go. With --debug each is a line.
//
// What does not belong here: sockets, and what is sent along with a message.
package message
