// Package demo holds two small shops that sell the same goods, a job that copies the one's data to the other's, and
// clients that buy from them: all that is needed to watch a migration from beginning to end.
//
//	clients ─► (whatever is shown between them) ─► old shop ─► database: products, customers, orders, order_lines
//	                                                              │ sync job, every 100 ms
//	                                              new shop ─► database: artifact, party, sale, measurement
//
// The shops are real HTTP servers on free ports of the loopback interface, and their databases are two databases of a
// throw-away PostgreSQL server, or two SQLite files where PostgreSQL is not installed. The new shop has other tables,
// other columns and another JSON writer (order of members, form of decimals and times), and five planted faults until
// Repair takes them away. Both keep an account of the writes that they took, and of when they were last asked, so that
// what happened to the traffic can be proved from their side.
package demo
