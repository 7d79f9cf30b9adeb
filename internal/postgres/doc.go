// Package postgres is what every session with a PostgreSQL server of a user's has in common: a DSN is read without quoting it,
// secrets are taken out of what a server says, and a statement is cancelled on the server when its context ends, also through
// a pooler. It connects to nothing by itself.
package postgres
