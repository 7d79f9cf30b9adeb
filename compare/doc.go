// Package compare says whether two captured answers to one request mean the same. It is pure: two answers and the rules
// in, a verdict and the differences out. It has no clock, no network and no log, so that stored evidence can be judged
// again at any time.
//
//	old, new Answer
//	   │ status          another class: nothing else is looked at
//	   │ chosen headers  in order, content-type by meaning
//	   │ body ── equal bytes under one encoding: match
//	   │    └─ decode (gzip, deflate, br, zstd; limits on output, ratio and window)
//	   │          │   by the Content-Type of both; a guess where none is declared
//	   │          ├─ JSON: by meaning, rules decide at each place that differs
//	   │          ├─ NDJSON, CSV, forms: written as JSON, and then like that
//	   │          ├─ multipart: each part like a body of its own
//	   │          ├─ HTML, XML, protobuf, gRPC: as trees, with the same rules
//	   │          └─ text, binary: by bytes
//	   ▼
//	Result: match, tolerated (only rules made it pass), mismatch, failed or skipped (with the reason)
//
// What is not proven equal is never a match: a body that is too large, too deep or in an encoding that cannot be read is
// skipped with its reason, unless something else already differs, which makes it a mismatch.
//
// The places of a body are named with JSONPath (RFC 9535; see [ParsePath] for the part that is understood).
package compare
