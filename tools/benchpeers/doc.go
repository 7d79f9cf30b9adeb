//go:build linux

// Command benchpeers measures what paritygate costs beside its peers, as `make bench-peers` says: the CPU time of the proxy's
// process for each request, and what a shadow that hangs does to the clients.
//
//	core 1: load ──► core 0: a proxy in a process of its own ──► core 1: old, new
//
// Load and backends are this process: one thread with one epoll that never sleeps, so that no proxy pays for waking it. The proxies
// are what people run: nginx as Debian packs it, the standard library's ReverseProxy and the mirror that one writes with it in an
// afternoon (this program again, told to be a peer), and the real `paritygate serve` with a YAML file.
package main
