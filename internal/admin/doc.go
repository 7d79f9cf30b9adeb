// Package admin is how people and scripts see and steer a run: an HTTP API under /v1, its Go client, and a console in the
// browser.
//
//	browser ── pages, fragments ──┐
//	browser ── POST /v1/… ────────┤
//	CLI ────── Client ── /v1/… ───┼── guard ── auth ── strict decoding ── Service (cmd wires it)
//	Prometheus ── /metrics ───────┤   host,    token,
//	Kubernetes ── /healthz ───────┘   origin   session, role
//
// The package knows how to ask and how to answer; what a run is and does lies behind the Service interface. The console
// changes things through the same calls under /v1 as everybody else, so there is one command path and one audit trail.
//
// Without users the API serves the machine that it runs on alone: the client's address must be loopback, the Host header a
// loopback name or the listen address (against DNS rebinding), and nothing may have come through another proxy. With users a
// request carries a bearer token, or the console's session cookie. Requests that a browser says came from another origin
// change nothing in either case.
package admin
