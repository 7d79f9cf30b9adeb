package config

// The values of Journal.Sync.
const (
	SyncAlways   = "always"
	SyncInterval = "interval"
)

// The values of Journal.Mirror.
const (
	MirrorOff    = "off"
	MirrorFollow = "follow"
)

// Journal is where the writes are kept that new accepts, and how they are carried to the other side.
type Journal struct {
	Directory string
	Segment   int64  // bytes after which a segment is closed
	Sync      string // SyncAlways or SyncInterval
	Body      int64  // bytes; a larger body is spooled beside the segment
	Key       Secret // seals credentials and bodies; empty: credentials are not kept
	Mirror    string // MirrorOff or MirrorFollow: whether acknowledged writes are sent on to the other side
	Replay    JournalReplay
}

// JournalReplay is what a replay sends besides what was kept. Names are canonical, as in net/http.
type JournalReplay struct {
	Set map[string]Secret
}
