// Package cutover is the one place that decides where traffic goes: phases, gate and rollback.
package cutover
