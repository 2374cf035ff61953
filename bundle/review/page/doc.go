// Package page makes one page of HTML of a review: no script, nothing from
// elsewhere, and all text of others with every character to be seen.
//
// What does not belong here: what is on it.
package page
