package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"paritygate/internal/admin"
	"paritygate/internal/demo"
	"paritygate/internal/throwaway"
)

// demonstration is the demo while it runs: the shops, paritygate in front of them, and the clients. What it does to
// paritygate goes through the admin API, as anybody else's wishes do.
type demonstration struct {
	screen *screen
	lookup func(string) (string, bool)
	sqlite bool // keep PostgreSQL out of it
	hold   bool
	held   bool // the end was reached, and everything kept running

	home    *throwaway.Directory
	dir     string // home's path
	logFile *os.File
	shops   *demo.Shops
	program *Program
	client  *admin.Client
	traffic *demo.Traffic
	faults  faultsFound

	flippedAt, killedAt, backAt time.Time

	// Each part is stopped by its own function, the last one first.
	stops []func() error
}

// open starts everything but the traffic. A part that fails later ends ctx with its error.
func (d *demonstration) open(ctx context.Context, fail context.CancelCauseFunc) error {
	d.screen.title("paritygate demo: a migration from beginning to end, in about a minute")
	d.screen.say("Starting two shops, their databases, and paritygate in front of them ...")
	var err error
	if d.home, err = throwaway.MakeDirectory("", "paritygate-demo-"); err != nil {
		return err
	}
	d.dir = d.home.Path
	if d.shops, err = demo.Open(ctx, demo.Options{Directory: d.dir, SQLite: d.sqlite}); err != nil {
		return fmt.Errorf("open the shops: %w", err)
	}
	d.start("the shops", fail, d.shops.Run)
	if err := d.openProgram(ctx); err != nil {
		return err
	}
	d.start("paritygate", fail, d.program.run)
	d.traffic = demo.NewTraffic(demo.TrafficOptions{URL: d.program.proxyURL(), Sizes: d.shops.Sizes()})
	if d.client, err = admin.NewClient(d.program.adminURL(), "", nil); err != nil {
		return err
	}
	return until(ctx, "paritygate is ready", 10*time.Second, 20*time.Millisecond, func() (bool, error) {
		r, err := d.client.Readiness(ctx)
		return err == nil && r.State == admin.Ready, nil
	})
}

// openProgram starts the program that `serve` runs, from a configuration file.
func (d *demonstration) openProgram(ctx context.Context) error {
	path, err := writeDemoConfig(d.dir, d.shops)
	if err != nil {
		return err
	}
	c, err := load(path, func(name string) (string, bool) {
		switch name {
		case "DEMO_OLD_DSN":
			return d.shops.Old.DSN(), true
		case "DEMO_OLD_OWNER_DSN":
			return d.shops.OldOwnerDSN(), true
		case "DEMO_NEW_DSN":
			return d.shops.New.DSN(), true
		}
		return d.lookup(name)
	})
	if err != nil {
		return fmt.Errorf("load the demo's configuration: %w", err)
	}
	if d.logFile, err = os.Create(d.logPath()); err != nil {
		return fmt.Errorf("open the demo's log: %w", err)
	}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	log := zap.New(zapcore.NewCore(encoder, zapcore.Lock(d.logFile), zapcore.InfoLevel))
	if d.program, err = newProgram(ctx, c, programOptions{log: log}); err != nil {
		return err
	}
	return d.program.listen(ctx)
}

// start runs a part until the demo stops it.
func (d *demonstration) start(what string, fail context.CancelCauseFunc, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := run(ctx)
		if ctx.Err() == nil {
			fail(fmt.Errorf("%s stopped: %w", what, errors.Join(err, errors.New("nobody had asked for it"))))
		}
		done <- err
	}()
	d.stops = append(d.stops, sync.OnceValue(func() error {
		cancel()
		if err := <-done; err != nil {
			return fmt.Errorf("stop %s: %w", what, err)
		}
		return nil
	}))
}

// close stops everything, the last part first, and removes what was made.
func (d *demonstration) close() error {
	var errs []error
	for i := len(d.stops) - 1; i >= 0; i-- {
		errs = append(errs, d.stops[i]())
	}
	if d.program != nil {
		d.program.close()
	}
	if d.logFile != nil {
		errs = append(errs, d.logFile.Close())
	}
	if d.shops != nil {
		errs = append(errs, d.shops.Close())
	}
	if d.home != nil {
		errs = append(errs, d.home.Remove())
	}
	return errors.Join(errs...)
}

func (d *demonstration) logPath() string { return filepath.Join(d.dir, "paritygate.log") }

// logTail returns the last lines of the program's log.
func (d *demonstration) logTail() []string {
	text, err := os.ReadFile(d.logPath())
	if d.dir == "" || err != nil {
		return nil
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	var tail []string
	for _, line := range lines[max(0, len(lines)-8):] {
		tail = append(tail, shortened(string(line), 300))
	}
	return tail
}
