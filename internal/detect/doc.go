// Package detect finds out what kind of backend answers behind a URL.
//
//	a URL ──► GET /                                     ──► reachable? Convex's greeting
//	          GET /rest/v1/, GET / as OpenAPI           ──► Supabase, PostgREST, and which of its functions only read
//	          POST /api/query, a function that is none  ──► Convex
//	          GET /v1/projects/…, the discovery document ─► Firestore
//	          POST /graphql {__typename}, and its like  ──► GraphQL
//
// Nothing that is sent changes anything: the two POSTs are queries by the protocols that they belong to. A sign is something
// that only such a backend answers with; a server that answers everything with 200 shows none.
package detect
