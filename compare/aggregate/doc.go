// Package aggregate asks both databases the same question and says whether the two answers agree: the checks.
//
//	New ──► Run: each check every so often ─┐
//	        RunNow, RunAll: on demand ──────┼─► both databases: connect, BEGIN REPEATABLE READ READ ONLY   (concurrently)
//	                                        │   both databases: the one statement                          (at one moment)
//	                                        └─► two exact values ──► variance, verdict, a sentence ──► Report, metrics
//
// What is asked must be a single SELECT; it runs in a read-only transaction with timeouts of its own, which is rolled back,
// on a connection that is opened for it and closed after it. So no idle session stays on a production server, and
// poolers in transaction mode (PgBouncer, Supabase, PlanetScale) serve as well as a server does: nothing is prepared by
// name, and no setting outlives its transaction. When a context ends the statement is cancelled on the server.
//
// A side may be an endpoint of a backend instead (HTTP). A check that failed is asked again some time later (Options.Recheck):
//
//	turn ─► open both ─► lag? ─► settled moment ─► the type's own statements, each planned first if there is a limit ─► verdict
//	  ▲                                                                                                          │
//	  └────────────────────── fail, and askings are left: nothing is open meanwhile ◄────────────────────────────┘
//
// # Values
//
// Values are compared exactly, as the database writes them, in UTC:
//
//   - Numbers (smallint to numeric, and oid) are decimals of any size, never floating point: 0.3 equals 0.30, and 2^53+1 is
//     not 2^53. A real or double precision value is the shortest decimal that stands for it, so that a double sum
//     0.30000000000000004 is not the numeric 0.3: give such a check a relative tolerance.
//   - Values of other types are equal if their canonical forms are, which alike makes for the types of both sides: a timestamp
//     and a timestamptz name one moment, char(10) and text one text, a uuid has one case, documents are compared by meaning.
//     Where there is nothing to subtract the variance is 0 or 1, and the tolerance does not matter. Types without a common form,
//     and as a single value a number and a text, cannot be compared, and are inconclusive. docs/reference.md has the table.
//   - Where there are several, a number of floating point equals one that is 10⁻¹² of it away, or 2·10⁻⁷ where a side is real:
//     summed in another order, or in the other width, it is the same. Whole numbers up to 2⁴³ are exact there too. Within rows
//     NaN and the infinities equal themselves.
//   - NULL is neither 0 nor the empty text. A statement without a row is NULL, as a scalar subquery is in SQL. NULL on one
//     side is a fail with variance 1, on both it is inconclusive.
//   - As a single value NaN and the infinities hide what they were computed from: the same on both sides is
//     inconclusive, never a pass; otherwise a fail with variance 1.
//   - A count of 0 on both sides is inconclusive. A scalar of 0 on both is a pass: no orphans here, none there.
//
// A database that cannot be reached or is too far behind, a timeout and an SQL error are inconclusive: nothing was measured. So
// is an endpoint that does not answer with a 2xx and JSON.
package aggregate
