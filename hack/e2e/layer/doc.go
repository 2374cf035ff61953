// Package layer has the end-to-end tests of files.project = "overlay": what is
// done in the layer of a project does not reach the host, and works as it would
// outside.
//
// What does not belong here: what is done with a layer afterwards (review).
package layer
