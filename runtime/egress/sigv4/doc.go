// Package sigv4 signs requests to AWS again (Signature Version 4) that were signed
// with a placeholder, for the same service and region.
//
// Not here: which requests those are, and where keys come from.
package sigv4
