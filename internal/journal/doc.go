// Package journal is the durable log of writes, and what carries them to the other side.
//
// A directory holds numbered segments, each a header line and records, one JSON object a line with a checksum (docs/journal.md).
// A write has an intent, which is durable before it is forwarded, and an outcome, which is durable before new's answer goes to the
// client. Marks say what became of it on the other side since: sending, sent, resolved, discarded.
//
// One process writes, under a lock; anybody may read, also a copy. Where the segments end in a batch that was never synced, its
// damage is a torn tail, and is cut; damage before it is reported with segment and offset, and stops a replay there.
package journal
