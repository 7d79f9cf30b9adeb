package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"paritygate/internal/throwaway"
)

// Options are the choices in opening the shops.
type Options struct {
	// Directory holds the databases' files; it must exist. The shops make one of their own in it, and remove it.
	Directory string
	// SQLite keeps PostgreSQL out of it even where it is installed.
	SQLite bool
	// Sizes are how much the shops hold; a zero means 2,400 products, 1,500 customers and 8,000 orders.
	Sizes Sizes
}

// Shops are the two shops with their databases, and the job that keeps new's in step with old's.
type Shops struct {
	Old, New *Shop
	// Database says where the data lies, in words.
	Database string

	server *throwaway.Server // nil with SQLite
	owner  *database         // old's, by its owner's role; nil with SQLite
	dir    string
	job    *job
	sizes  Sizes
}

// Open makes the databases, fills old's, copies it to new's with the planted faults, and listens. Nothing is served, nor
// synchronised, before Run. The caller must Close what it gets.
func Open(ctx context.Context, o Options) (_ *Shops, err error) {
	if o.Sizes == (Sizes{}) {
		o.Sizes = Sizes{Products: 2400, Customers: 1500, Orders: 8000}
	}
	s := &Shops{sizes: o.Sizes}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.dir, err = os.MkdirTemp(o.Directory, "shops-"); err != nil {
		return nil, fmt.Errorf("make a directory for the shops: %w", err)
	}
	from, to, err := s.openDatabases(ctx, o)
	if err != nil {
		return nil, err
	}
	f := &faults{}
	if s.Old, err = newShop(ctx, "old", from, oldTables(), &oldDialect, nil); err != nil {
		return nil, errors.Join(err, from.Close(), to.Close())
	}
	if s.New, err = newShop(ctx, "new", to, newTables(), &newDialect, f); err != nil {
		return nil, errors.Join(err, to.Close())
	}
	s.job = &job{from: from, to: to, faults: f}
	if err := from.create(ctx, s.Old.tables.ddl); err != nil {
		return nil, err
	}
	if err := to.create(ctx, s.New.tables.ddl); err != nil {
		return nil, err
	}
	if err := seed(ctx, from, o.Sizes, now()); err != nil {
		return nil, err
	}
	if err := s.job.copyAll(ctx); err != nil {
		return nil, err
	}
	if err := s.analyze(ctx); err != nil || s.server == nil {
		return s, err
	}
	// Old's application has a role of its own from here on, so that it can be fenced; the sync job keeps the owner's.
	s.owner = from
	application, err := from.application(ctx, s.server.Password())
	if err == nil {
		s.Old.db = application
	}
	return s, err
}

// openDatabases starts PostgreSQL if it is there, and makes two databases on it; else two SQLite files.
func (s *Shops) openDatabases(ctx context.Context, o Options) (from, to *database, err error) {
	if !o.SQLite {
		s.server, err = throwaway.Start(ctx, throwaway.Options{})
		if err == nil {
			s.Database = "two databases of a throw-away PostgreSQL server at " + s.server.Address()
			if from, err = openPostgres(ctx, s.server, "old_shop"); err != nil {
				return nil, nil, err
			}
			if to, err = openPostgres(ctx, s.server, "new_shop"); err != nil {
				return nil, nil, errors.Join(err, from.Close())
			}
			return from, to, nil
		}
		if ctx.Err() != nil {
			return nil, nil, err
		}
	}
	s.Database = "two SQLite files"
	if err != nil {
		s.Database += " (" + shortReason(err) + ")"
	}
	if from, err = openSQLite(s.dir, "old_shop"); err != nil {
		return nil, nil, err
	}
	if to, err = openSQLite(s.dir, "new_shop"); err != nil {
		return nil, nil, errors.Join(err, from.Close())
	}
	return from, to, nil
}

func shortReason(err error) string {
	if errors.Is(err, throwaway.ErrNotInstalled) {
		return "PostgreSQL is not installed"
	}
	return "PostgreSQL did not start: " + err.Error()
}

// analyze gives the planner its figures, so that the first requests are as fast as the later ones.
func (s *Shops) analyze(ctx context.Context) error {
	for _, shop := range []*Shop{s.Old, s.New} {
		if _, err := shop.db.ExecContext(ctx, "ANALYZE"); err != nil {
			return fmt.Errorf("analyze the %s shop's tables: %w", shop.name, err)
		}
	}
	return nil
}

// Postgres reports whether the databases are PostgreSQL's, which aggregate checks need.
func (s *Shops) Postgres() bool { return s.server != nil }

// WriteToOld orders something at old itself, past whatever stands in front of it, and returns the status of the answer.
func (s *Shops) WriteToOld(ctx context.Context) (status int, err error) {
	body := strings.NewReader(`{"customer": 1, "reference": "past the proxy", "items": [{"product": 1, "quantity": 1}]}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Old.URL()+"/api/orders", body)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("order at old: %w", err)
	}
	return response.StatusCode, response.Body.Close()
}

// OldOwnerDSN is the connection URL of old's PostgreSQL database by the role that owns it; Old.DSN is its application's. It is
// empty with SQLite.
func (s *Shops) OldOwnerDSN() string {
	if s.owner == nil {
		return ""
	}
	return s.owner.dsn
}

// Sizes are how much the shops held at the start.
func (s *Shops) Sizes() Sizes { return s.sizes }

// Run serves both shops and keeps new's data in step until ctx ends.
func (s *Shops) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Old.run(ctx) })
	g.Go(func() error { return s.New.run(ctx) })
	g.Go(func() error { return s.job.run(ctx) })
	return g.Wait()
}

// Repairs are what Repair put right in new's data.
type Repairs struct {
	// Rows counts the products that were missing, Prices those with a wrong price.
	Rows, Prices int
}

// Repair takes the planted faults away: the handlers behave, and all products are copied again, this time rightly.
func (s *Shops) Repair(ctx context.Context) (Repairs, error) {
	before, err := s.prices(ctx)
	if err != nil {
		return Repairs{}, err
	}
	s.New.faults.repaired.Store(true)
	s.job.mu.Lock()
	_, err = s.job.copyProducts(ctx, "")
	s.job.mu.Unlock()
	if err != nil {
		return Repairs{}, fmt.Errorf("repair new's data: %w", err)
	}
	after, err := s.prices(ctx)
	if err != nil {
		return Repairs{}, err
	}
	var r Repairs
	for id, price := range after {
		switch was, there := before[id]; {
		case !there:
			r.Rows++
		case was != price:
			r.Prices++
		}
	}
	return r, nil
}

func (s *Shops) prices(ctx context.Context) (map[int64]cents, error) {
	goods, err := collect(ctx, s.New.db, func(rows *sql.Rows) (product, error) {
		var p product
		err := rows.Scan(&p.id, &p.price)
		return p, err
	}, "SELECT artifact_id, unit_value FROM artifact")
	if err != nil {
		return nil, fmt.Errorf("read new's prices: %w", err)
	}
	prices := make(map[int64]cents, len(goods))
	for _, p := range goods {
		prices[p.id] = p.price
	}
	return prices, nil
}

// StopSync carries the last of old's changes to new and stops the job. It is called when old takes no more writes.
func (s *Shops) StopSync(ctx context.Context) error { return s.job.finish(ctx) }

// Close lets go of the databases, stops the server and removes all files. Run must have returned, if it was called.
func (s *Shops) Close() error {
	var errs []error
	for _, shop := range []*Shop{s.Old, s.New} {
		if shop != nil {
			shop.listener.Close() //nolint:errcheck // closed already if the shop has run
			errs = append(errs, shop.db.Close())
		}
	}
	if s.owner != nil {
		errs = append(errs, s.owner.Close())
	}
	if s.server != nil {
		errs = append(errs, s.server.Close())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
