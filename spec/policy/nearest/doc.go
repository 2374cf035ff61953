// Package nearest finds the word that was meant by a misspelt one.
//
// What does not belong here: which words there are, and the sentence that
// suggests one.
package nearest
