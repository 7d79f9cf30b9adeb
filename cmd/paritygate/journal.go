package main

import "github.com/spf13/cobra"

func newJournal(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use: "journal COMMAND", Short: "Read, prove and replay the journal of writes", Args: cobra.ArbitraryArgs, RunE: group,
		Long: "Reads, proves and replays the journal of writes: through the running proxy if one holds the store, else on its files.",
	}
	cmd.AddCommand(newJournalList(o), newJournalVerify(o), newJournalResolve(o), newJournalReplay(o))
	return cmd
}
