// Package catalog says what a PostgreSQL database is made of, and how to ask it. It is pure: whoever has a connection sends
// each statement of Queries and hands the rows back.
//
//	Setting ──► Queries(schemas, detail): each statement's rows, one JSON text each ──► Query.Read ──► Catalog
//	            States(sequences):        the same, for where the sequences stand   ──► Query.Read ──► the same Catalog
//
// Every statement reads pg_catalog alone, which each role may read, whatever its rights on the tables; States reads the
// sequences themselves, and only those that the role may read. All work on PostgreSQL 12 and later. What belongs to an
// extension is left out.
package catalog
