package evidence

import (
	"context"
	"database/sql"
	"errors"
)

// CheckProgress returns what SaveCheckProgress kept last for a check, nil if there is nothing.
func (s *Store) CheckProgress(ctx context.Context, name string) ([]byte, error) {
	var body []byte
	err := s.read.QueryRowContext(ctx, "SELECT body FROM check_progress WHERE name = ?", name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed("read how far check "+name+" is", err)
	}
	return body, nil
}

// SaveCheckProgress keeps how far a check is, in place of what was kept before.
func (s *Store) SaveCheckProgress(ctx context.Context, name string, body []byte) error {
	_, err := s.write.ExecContext(ctx, "INSERT OR REPLACE INTO check_progress (name, body) VALUES (?, ?)", name, body)
	if err != nil {
		return s.failed("save how far check "+name+" is", err)
	}
	return nil
}

// ClearCheckProgress forgets how far a check is: it came to its end.
func (s *Store) ClearCheckProgress(ctx context.Context, name string) error {
	if _, err := s.write.ExecContext(ctx, "DELETE FROM check_progress WHERE name = ?", name); err != nil {
		return s.failed("forget how far check "+name+" is", err)
	}
	return nil
}
