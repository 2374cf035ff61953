// Package suite has every attack, in the order of the report, and the process that
// makes them inside a jail (Inside).
//
// What does not belong here: what the host lays out and judges (runtime/audit).
package suite
