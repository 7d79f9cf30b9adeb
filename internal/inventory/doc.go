// Package inventory lays two databases side by side: what each is made of, which table of new is which of old's, what exists
// on one side alone, what of the migration is still to be done, and the checks that would watch over it. It is pure: what was
// read goes in, texts come out.
//
//	Side (old), Side (new) ──► Make: tables by name, else by similarity ──► Inventory ──► Markdown, JSON
//	                                 columns within each pair, likewise             └──► the checks, ready to paste
//	                                 everything else through these two
//
// # Similarity
//
// Two names are as alike as the better of two measures: the letters that they have in common (edit distance), and the
// words. A column is as like another as its name, type and part in keys are. A table is as like another as its name,
// columns, keys and number of rows are; a column that many tables have, such as created_at, says little about any. The pairs
// are those whose scores add up to the most, each table in one of them, and none below the threshold: a proposal for a
// person to confirm, with the score beside it. What columns are called in one pair teaches what they may be called in others.
package inventory
