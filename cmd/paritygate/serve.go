package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"os/signal"
	"syscall"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"paritygate/config"
	"paritygate/internal/cutover"
)

func newServe(o *options) *cobra.Command {
	var allowDrift bool
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the proxy, the admin API and the console", Args: none,
		Long: "Runs until SIGTERM or SIGINT, then lets the requests in flight end. SIGHUP reads the configuration again; a bad file\n" +
			"keeps the running one.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), o, allowDrift)
		},
	}
	cmd.Flags().BoolVar(&allowDrift, "allow-drift", false, "start in live although the configuration was edited")
	return cmd
}

func serve(ctx context.Context, o *options, allowDrift bool) error {
	setGC(o.sys.lookup)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // from here on, so that none ends a program that is still starting
	defer signal.Stop(hup)
	read := func() (*compiled, error) { return load(o.config, o.sys.lookup) }
	c, err := read()
	if err != nil {
		return err
	}
	log := newLogger(c.config.Log, o.sys)
	stdlog.SetOutput(io.Discard) // net/http's client writes bytes of strange answers there; they may hold secrets
	p, err := newProgram(ctx, c, programOptions{log: log, allowDrift: allowDrift, reload: read, hup: hup})
	if errors.Is(err, cutover.ErrDrift) {
		return exit(exitRefused, "%w", err)
	}
	if err != nil {
		return err
	}
	defer p.close()
	if err := p.listen(ctx); err != nil {
		return err
	}
	return p.run(ctx)
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
			if probe {
				return probeAll(cmd.Context(), o, c)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&probe, "probe", false, "also reach both backends and both databases")
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

// probeAll says of each part whether it can be reached, and fails if one cannot.
func probeAll(ctx context.Context, o *options, c *compiled) error {
	ctx, cancel := context.WithTimeout(ctx, 2*probeTimeout)
	defer cancel()
	type finding struct {
		part string
		err  error
	}
	found := []finding{
		{"backends.old", reach(ctx, c.old)},
		{"backends.new", reach(ctx, c.new)},
	}
	if c.config.Databases != nil {
		oldErr, newErr := probeDatabases(ctx, c)
		found = append(found, finding{"databases.old", oldErr}, finding{"databases.new", newErr})
	}
	var failed []error
	for _, f := range found {
		if f.err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", f.part, f.err))
			continue
		}
		fmt.Fprintf(o.sys.err, "%s: reachable\n", f.part)
	}
	return errors.Join(failed...)
}
