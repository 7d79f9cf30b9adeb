package journal

// NewFollower makes the mirror of the journal; Run starts it.
func NewFollower(j *Journal, o FollowOptions, s Sender) *Follower {
	return newFollower(journalLog{j}, o, s)
}

// journalLog is a Journal as a Follower uses it.
type journalLog struct{ *Journal }

func (l journalLog) position() (seq uint64, open int) {
	s := l.Status()
	return s.Seq, s.Open
}

// Since and Renamed wait for what is being written.
func (l journalLog) Since(to Side) (seq uint64) {
	_ = l.exclusively(func() error { seq = l.log.ledger.Since(to); return nil })
	return seq
}

func (l journalLog) Renamed(to Side) (seq uint64) {
	_ = l.exclusively(func() error { seq = l.log.ledger.Renamed(to); return nil })
	return seq
}

func (l journalLog) tail(from uint64) source { return l.Tail(from) }
