package fence

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// tryFor bounds one try of the application's write: behind a lock it says nothing.
const tryFor = 2 * time.Second

// identity is who the application is to its server.
type identity struct {
	role, database string
	// started is when its server's postmaster was, which no two servers have in common; empty if it is not known.
	started string
}

// sight is what one try of the application's write showed.
type sight struct {
	works bool
	class class // of the refusal
	// bySession says that it was refused because of how its session began, or could not begin: sessions from before may write
	// all the same. Otherwise it was refused for what it does, which ends what any statement may do that begins from now on.
	bySession bool
	err       error
}

func (s sight) refused() bool { return !s.works && s.class != busy }

// try does the application's write on a fresh connection, and takes it back. It notes who the application is.
func (f *fence) try(ctx context.Context) sight {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	began, err := f.write(ctx)
	if err == nil {
		f.worked = time.Now()
		return sight{works: true}
	}
	s := sight{err: fmt.Errorf("cutover.fence.verify: %w", err)}
	if r, ok := errors.AsType[*refusal](err); ok {
		s.class, s.bySession = classify(r.code), !began || r.code == readOnly
	}
	return s
}

// write reports whether the session began at all.
func (f *fence) write(ctx context.Context) (began bool, err error) {
	x, err := f.app.open(ctx)
	if err != nil {
		return false, err
	}
	defer x.close()
	who, err := x.list(ctx, "SELECT unnest(ARRAY[session_user::text, current_database()::text, pg_postmaster_start_time()::text])")
	if err != nil {
		return true, err
	}
	f.who = identity{who[0], who[1], who[2]}
	// Nothing may be asked in the transaction before the write: it may say first that it is to be READ WRITE.
	if err := x.exec(ctx, fmt.Sprintf("BEGIN; SET LOCAL statement_timeout = %d", f.app.limit(ctx))); err != nil {
		return true, err
	}
	if err := x.exec(ctx, f.Verify.SQL); err != nil {
		return true, err
	}
	if x.conn.TxStatus() != 'T' {
		return true, &refusal{"0A000", "sql ends its transaction, so that it cannot be taken back: give the write alone"}
	}
	return true, nil
}

// look tries the write until it is refused or works, and returns what was seen last.
func (f *fence) look(ctx context.Context) sight {
	var p patience
	for {
		s := f.try(ctx)
		s.err = p.heard(s.err)
		if s.works || s.refused() || !p.again(ctx) {
			return s
		}
	}
}
