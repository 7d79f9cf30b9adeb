// Package proxy is the data plane: it classifies a request, forwards it to the backend in authority, mirrors a fraction
// of the reads to the other one and has the two answers compared.
//
//	ServeHTTP ─► classify ─► read ──► ask the authority ─► relay to the client, capturing ─► queue
//	                │                       │ new failed, Plan.Fallback                        │ full: skipped
//	                │                       └─► ask old                             workers ◄──┘
//	                │                                                                  │ ask the shadow, once
//	                └─► write, bypass ─► gate (held, refused, admitted)                ├─► Comparer ─► mismatch ─► recheck
//	                                       └─► ask the one backend, detached           └─► Observer.Finish
//
// It knows no phases. A Router says, for each request anew, where traffic goes; an Observer is told what happened. Both
// backends are behind http.RoundTripper, one pool of connections per backend and role. Reads that net/http finds on a dead
// connection are repeated by it at the authority; writes and shadows never are.
package proxy
