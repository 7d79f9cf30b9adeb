package evidence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Store is an open store. Its methods are safe to call from many goroutines.
type Store struct {
	options   Options
	path      string
	lock      *os.File
	file      os.FileInfo // of the file that was opened, to see that it is still the one at path
	write     *sql.DB
	read      *sql.DB
	redaction redaction
	origin    origin // of the run, in a store that held others
	ledger    ledger
	errors    prometheus.Counter
	chainErr  error

	flushing sync.Mutex // one flush at a time; also keeps windows in memory while RoutesAll reads

	health    sync.Mutex
	unhealthy error
	failures  int
}

// Open opens or creates the store, and takes its lock until Close. What is damaged, of another program, of a newer version or
// of another run is refused and left as it is; the errors wrap ErrInUse, ErrCorrupt, ErrNotStore, ErrNewerStore and
// ErrOtherRun. A broken end of the audit log is logged, and kept in ChainErr.
func Open(ctx context.Context, options Options) (*Store, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if options.Path == "" || options.Run == "" {
		return nil, errors.New("evidence: Options need a Path and a Run")
	}
	s, err := open(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", options.Path, err)
	}
	if err := s.register(); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func open(ctx context.Context, options Options) (*Store, error) {
	path, err := resolve(options.Path)
	if err != nil {
		return nil, err
	}
	s := &Store{options: options, path: path, redaction: newRedaction(&options)}
	s.errors = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "paritygate_store_errors_total",
		Help: "Reads and writes of the store that failed.",
	})
	if s.lock, err = acquireLock(path + ".lock"); err != nil {
		return nil, err
	}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// resolve returns the absolute path behind links, so that two names of one store are one lock.
func resolve(path string) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("its directory does not exist: create it, or give another store.path: %w", err)
	}
	if err != nil {
		return "", fmt.Errorf("its directory cannot be reached: %w", err)
	}
	path = filepath.Join(dir, filepath.Base(path))
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return filepath.Abs(path)
}

func (s *Store) load(ctx context.Context) error {
	version, err := prepareFile(ctx, s.path)
	if err != nil {
		return err
	}
	if s.write, s.read, err = openDatabases(ctx, s.path); err != nil {
		return err
	}
	if err := migrate(ctx, s.write, version); err != nil {
		return err
	}
	if err := s.claimRun(ctx); err != nil {
		return err
	}
	if err := os.Chmod(s.path, 0o600); err != nil {
		return err
	}
	if s.file, err = os.Stat(s.path); err != nil {
		return err
	}
	if err := s.loadLedger(ctx); err != nil {
		return err
	}
	s.chainErr = s.checkChainEnd(ctx)
	if s.chainErr != nil {
		s.options.Logger.Error("The audit log is not as it was written.", zap.String("store", s.path), zap.Error(s.chainErr))
	}
	return nil
}

func (s *Store) register() error {
	if s.options.Registerer == nil {
		return nil
	}
	if err := s.options.Registerer.Register(s.errors); err != nil {
		return fmt.Errorf("store %s: register its metrics: %w", s.path, err)
	}
	return nil
}

// Run flushes until ctx ends, and once more then. It returns the error of that last flush.
func (s *Store) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.options.FlushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlushTimeout)
			defer cancel()
			return s.Flush(last)
		case <-ticker.C:
			// The failure is logged, counted and shown by Healthy, and what was not written is kept for the next time.
			_ = s.Flush(ctx)
		}
	}
}

// lastFlushTimeout bounds the flush at the end of Run.
const lastFlushTimeout = 10 * time.Second

// Healthy returns why the last flush failed, or nil.
func (s *Store) Healthy() error {
	s.health.Lock()
	defer s.health.Unlock()
	return s.unhealthy
}

// setHealth keeps the outcome of a flush, and logs where it turns.
func (s *Store) setHealth(err error) {
	s.health.Lock()
	defer s.health.Unlock()
	log := s.options.Logger.With(zap.String("store", s.path))
	switch {
	case err != nil && s.unhealthy == nil:
		log.Error("Evidence cannot be written; it is kept in memory and tried again.", zap.Error(err))
	case err == nil && s.unhealthy != nil:
		log.Info("Evidence is written again.", zap.Int("failed_flushes", s.failures))
		s.failures = 0
	}
	if err != nil {
		s.failures++
	}
	s.unhealthy = err
}

// failed counts and names an error of the store. What the caller brought about is not counted.
func (s *Store) failed(doing string, err error) error {
	if !errors.Is(err, ErrConflict) && !errors.Is(err, context.Canceled) {
		s.errors.Inc()
	}
	return fmt.Errorf("store %s: %s: %w", s.path, doing, err)
}

// Close releases the store without writing what Run has not written: let Run end first.
func (s *Store) Close() error {
	if s.options.Registerer != nil {
		s.options.Registerer.Unregister(s.errors)
	}
	return s.release()
}

func (s *Store) release() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
