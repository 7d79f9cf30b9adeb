package main

import (
	"github.com/spf13/cobra"

	"paritygate/dashboards"
)

func newDashboards(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "dashboards", Short: "The Grafana dashboards and Prometheus rules that come with this version",
		Args: cobra.ArbitraryArgs, RunE: group,
	}
	cmd.AddCommand(&cobra.Command{
		Use: "export DIR", Short: "Write the dashboards and rules into a directory", Args: one("the DIR to write into"),
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := dashboards.Export(args[0])
			if err != nil {
				return err
			}
			return o.print(map[string]any{"files": files}, func(p *printer) {
				for _, f := range files {
					p.line(f)
				}
			})
		},
	})
	return cmd
}
