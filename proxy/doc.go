// Package proxy is the data plane: it classifies a request, forwards it to the backend in authority, mirrors a fraction
// of the reads to the other one and has the two answers compared.
package proxy
