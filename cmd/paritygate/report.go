package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"paritygate/internal/report"
)

func newReport(o *options) *cobra.Command {
	var format, path string
	cmd := &cobra.Command{
		Use: "report", Short: "Write the go/no-go report", Args: none,
		Long: `Writes the verdict with what stands in its way, and all that it rests on: the gate, the routes, what each rule hides, the groups
of mismatches with the rules that would express them, checks, attestations and the latest events.

Ends in 0 when the report is written, whatever it says; ` + "`paritygate gate`" + ` has an exit code of its own for that.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.output == "json" && !cmd.Flags().Changed("format") {
				format = string(report.JSON)
			}
			if !slices.Contains(report.Formats, report.Format(format)) {
				return exit(exitUsage, "--format must be html, markdown or json, got %q", format)
			}
			return o.report(cmd.Context(), report.Format(format), path)
		},
	}
	cmd.Flags().StringVar(&format, "format", string(report.Markdown), "`FORMAT` of the report: html, markdown or json")
	cmd.Flags().StringVar(&path, "out", "", "write to this `FILE` instead of standard output")
	return cmd
}

func (o *options) report(ctx context.Context, format report.Format, path string) error {
	client, err := o.client()
	if err != nil {
		return err
	}
	r, err := report.Gather(ctx, client, time.Now())
	if err != nil {
		return err
	}
	if path == "" {
		return r.Write(o.sys.out, format)
	}
	var body bytes.Buffer
	if err := r.Write(&body, format); err != nil {
		return err
	}
	if err := replaceFile(path, &body); err != nil {
		return fmt.Errorf("write the report to %s: %w", path, cause(err))
	}
	fmt.Fprintf(o.sys.err, "the report (%s) is in %s\n", r.Verdict, path)
	return nil
}

// replaceFile writes a file as a whole: whoever reads it meanwhile finds the one before.
func replaceFile(path string, body io.Reader) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the error that matters is the one at hand
		}
	}()
	if _, err := io.Copy(f, body); err != nil {
		_ = f.Close() // as above
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil { //nolint:gosec // it is for others to read, and holds no secret
		return err
	}
	return os.Rename(f.Name(), path)
}
