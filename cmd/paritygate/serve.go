package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"paritygate/config"
	"paritygate/internal/cutover"
	"paritygate/internal/journal"
)

func newServe(o *options) *cobra.Command {
	s := &serving{o: o}
	var recoverPhase, reason string
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the proxy, the admin API and the console", Args: none,
		Long: `Runs until SIGTERM or SIGINT, then ends the requests in flight, for listen.drain at most; a second one cuts them off.
SIGHUP reads the configuration and the TLS certificate again; a bad file keeps the running one. SIGUSR2 starts the program anew, from its
file, without refusing a connection: the new process takes over the sockets once this one has released the store.
Sockets of systemd are taken by the names proxy and admin.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if s.recovery, err = recovery(recoverPhase, reason); err != nil {
				return err
			}
			return s.serve(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&recoverPhase, "recover-phase", "", "say in which `PHASE` the run is, where the store was emptied or disagrees with the fence: shadow, canary, live or rolled_back")
	cmd.Flags().StringVar(&reason, "reason", "", "why --recover-phase is true, for the audit log")
	cmd.Flags().BoolVar(&s.allowDrift, "allow-drift", false, "start in live although the configuration was edited")
	cmd.Flags().DurationVar(&s.waitForStore, "wait-for-store", 0, "wait so `LONG` for another process to release the store")
	return cmd
}

// recovery reads what an operator declares; nil if nobody does.
func recovery(phase, reason string) (*cutover.Recovery, error) {
	r := &cutover.Recovery{Phase: cutover.Phase(phase), Reason: strings.TrimSpace(reason), Actor: "operator"}
	switch {
	case phase == "" && reason == "":
		return nil, nil //nolint:nilnil // nobody declares anything
	case phase == "":
		return nil, exit(exitUsage, "--reason says why --recover-phase is true; there is no --recover-phase")
	case !slices.Contains(cutover.Recoverable, r.Phase):
		return nil, exit(exitUsage, "--recover-phase is shadow, canary, live or rolled_back, not %q", phase)
	case r.Reason == "":
		return nil, exit(exitUsage, "say with --reason TEXT how you know that the run is in phase %s; it goes into the audit log", phase)
	}
	return r, nil
}

var levels = map[string]zapcore.Level{"debug": zap.DebugLevel, "info": zap.InfoLevel, "warn": zap.WarnLevel, "error": zap.ErrorLevel}

// newLogger writes to standard error.
func newLogger(c config.Log, sys system) *zap.Logger {
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	encoding.TimeKey = "time"
	encoder := zapcore.NewJSONEncoder(encoding)
	if c.Format != "json" {
		encoding.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(encoding)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(sys.err)), levels[c.Level]))
}

func newValidate(o *options) *cobra.Command {
	var probe bool
	cmd := &cobra.Command{
		Use: "validate", Short: "Check the configuration, and print what is in effect with secrets redacted", Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(o.config, o.sys.lookup)
			if err != nil {
				return err
			}
			if err := o.showConfig(c); err != nil {
				return err
			}
			if c.config.Journal.Key == "" {
				fmt.Fprintln(o.sys.err, "warning: "+noKey)
			}
			if text := doubled(cutover.Shadow, c.config); text != "" {
				fmt.Fprintln(o.sys.err, "warning: "+text)
			}
			if probe {
				return probeAll(cmd.Context(), o, c)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&probe, "probe", false, "also reach both backends and the databases, and try whether the journal can be written")
	return cmd
}

// showConfig prints what is in effect.
func (o *options) showConfig(c *compiled) error {
	text := c.config.YAML()
	if o.output == "json" {
		converted, err := yaml.YAMLToJSON(text)
		if err != nil {
			return fmt.Errorf("writing the configuration as JSON: %w", err)
		}
		return o.print(json.RawMessage(converted), nil)
	}
	_, err := o.sys.out.Write(text)
	return err
}

// probeAll says of each part whether it can be reached or written, and fails if one cannot.
func probeAll(ctx context.Context, o *options, c *compiled) error {
	ctx, cancel := context.WithTimeout(ctx, 2*probeTimeout)
	defer cancel()
	const reachable = "reachable"
	type finding struct {
		part, well string
		err        error
	}
	found := []finding{
		{"backends.old", reachable, reach(ctx, c.old)},
		{"backends.new", reachable, reach(ctx, c.new)},
		{"journal.directory", "writable", journal.Probe(c.config.Journal.Directory, []byte(c.config.Journal.Key.Reveal()))},
	}
	if c.config.Databases != nil {
		oldErr, newErr := probeDatabases(ctx, c)
		parts := databaseParts(c, oldErr, newErr)
		for _, part := range []string{"databases.old", "databases.new"} {
			if err, configured := parts[part]; configured {
				found = append(found, finding{part, reachable, err})
			}
		}
	}
	if c.config.Cutover.Fence != nil {
		admin, verify := probeFence(ctx, c)
		found = append(found, finding{"cutover.fence.dsn", reachable, admin}, finding{"cutover.fence.verify", reachable, verify})
	}
	var failed []error
	for _, f := range found {
		if f.err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", f.part, f.err))
			continue
		}
		fmt.Fprintf(o.sys.err, "%s: %s\n", f.part, f.well)
	}
	return errors.Join(failed...)
}
