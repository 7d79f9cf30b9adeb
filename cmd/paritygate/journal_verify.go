package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paritygate/config"
	"paritygate/internal/journal"
)

func newJournalVerify(o *options) *cobra.Command {
	var keyEnv string
	cmd := &cobra.Command{
		Use: "verify [DIR]", Short: "Prove the journal: checksums, numbers, headers, seals, spooled bodies", Args: mayBe("the DIR of a journal"),
		Long: `Reads the whole journal in DIR, a copy of it elsewhere too, or the configured one, whoever writes to it meanwhile, and proves every
checksum, that no record and no segment is missing, doubled or out of its order, compressed segments, and bodies that were spooled. With
the key it opens what is sealed as well: that of the configuration, or what the environment variable of --key-env holds. Ends in 1 if
anything is damaged, and names each file with the offset, in bytes of the uncompressed segment.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, key, err := o.journalToVerify(args, keyEnv)
			if err != nil {
				return err
			}
			v, err := journal.Verify(cmd.Context(), dir, key)
			if err != nil {
				return err
			}
			shown := verified(v)
			if err := o.print(shown, func(p *printer) { printVerified(p, shown) }); err != nil {
				return err
			}
			if n := len(v.Damages); n > 0 {
				places := "one place"
				if n > 1 {
					places = fmt.Sprintf("%d places, the first", n)
				}
				return exit(exitFailed, "%s is damaged in %s: %s, offset %d", dir, places, v.Damages[0].Segment, v.Damages[0].Offset)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&keyEnv, "key-env", "", "the environment variable `NAME` that holds the journal's key (default: journal.key of the configuration, without DIR)")
	return cmd
}

// journalToVerify is the directory and the key. With a directory and --key-env it needs no configuration.
func (o *options) journalToVerify(args []string, keyEnv string) (dir string, key []byte, err error) {
	if len(args) > 0 {
		dir = args[0]
	} else {
		c, err := config.Load(o.config, o.sys.lookup)
		if err != nil {
			return "", nil, err
		}
		dir, key = c.Journal.Directory, []byte(c.Journal.Key.Reveal())
	}
	if keyEnv != "" {
		value, ok := o.sys.lookup(keyEnv)
		if !ok || value == "" {
			return "", nil, exit(exitUsage, "--key-env: the environment variable %s is not set", keyEnv)
		}
		key = []byte(value)
	}
	return dir, key, nil
}

// verification is what `journal verify --output json` prints.
type verification struct {
	Directory  string           `json:"directory"`
	Identity   string           `json:"identity"`
	Run        string           `json:"run"`
	Segments   int              `json:"segments"`
	Compressed int              `json:"compressed"`
	Records    uint64           `json:"records"`
	First      *time.Time       `json:"first"`
	Last       *time.Time       `json:"last"`
	Epoch      uint64           `json:"epoch"`
	Writes     map[string]int64 `json:"writes"`  // by outcome
	Carried    map[string]int64 `json:"carried"` // by what became of them at the other backend
	Missing    int64            `json:"missing"` // writes that are in no record
	Spools     int              `json:"spools"`
	Sealed     bool             `json:"sealed"`
	Opened     bool             `json:"opened"` // the key was given
	Damages    []damagedPlace   `json:"damages"`
	Torn       *damagedPlace    `json:"torn"`
	Notes      []string         `json:"notes"`
}

// damagedPlace is a place in a file; the offset is in bytes of the uncompressed segment.
type damagedPlace struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	What   string `json:"what"`
}

func verified(v journal.Verification) verification {
	out := verification{
		Directory: v.Directory, Identity: v.Identity, Run: v.Run, Segments: v.Segments, Compressed: v.Compressed, Records: v.Records, Epoch: v.Epoch,
		Writes: map[string]int64{}, Carried: map[string]int64{}, Missing: v.Missing, Spools: v.Spools, Sealed: v.Sealed, Opened: v.Opened,
		Damages: []damagedPlace{}, Notes: append([]string{}, v.Notes...),
	}
	if v.Records > 0 {
		out.First, out.Last = &v.First, &v.Last
	}
	for outcome, n := range v.Writes {
		if outcome == "" {
			outcome = outcomeOpen
		}
		out.Writes[string(outcome)] = n
	}
	for carried, n := range v.Carried {
		out.Carried[string(carried)] = n
	}
	for _, d := range v.Damages {
		out.Damages = append(out.Damages, damagedPlace{d.Segment, d.Offset, d.What})
	}
	if v.Torn != nil {
		out.Torn = &damagedPlace{v.Torn.Segment, v.Torn.Offset, v.Torn.What}
	}
	return out
}

func printVerified(p *printer, v verification) {
	rows := [][]string{{"segments", fmt.Sprintf("%d, of which %d compressed", v.Segments, v.Compressed)}, {"records", fmt.Sprint(v.Records)}}
	if v.Identity != "" {
		rows = append(rows, []string{"run", fmt.Sprintf("%s, journal %s, up to epoch %d", visible(v.Run), v.Identity, v.Epoch)})
	}
	if v.First != nil {
		rows = append(rows, []string{"from", instant(*v.First)}, []string{"to", instant(*v.Last)})
	}
	rows = append(rows,
		[]string{"writes", counted(v.Writes, "acknowledged", "rejected", "not_sent", "unknown", outcomeOpen)},
		[]string{"carried", counted(v.Carried, "sent", "unsent", "sending", "unknown", "resolved", "discarded", "-")},
	)
	if v.Missing > 0 {
		rows = append(rows, []string{"missing", writes(v.Missing) + " in no record: the journal could not be written"})
	}
	if v.Spools > 0 {
		rows = append(rows, []string{"bodies", fmt.Sprintf("%d in files of their own", v.Spools)})
	}
	switch {
	case v.Sealed && v.Opened:
		rows = append(rows, []string{"sealed", "credentials and bodies; all of it can be opened with the key"})
	case v.Sealed:
		rows = append(rows, []string{"sealed", "credentials and bodies; NOT looked into without the key (--key-env NAME)"})
	}
	p.table([]string{"journal", v.Directory}, rows)
	for _, n := range v.Notes {
		p.line("note: " + visible(n))
	}
	if v.Torn != nil {
		p.linef("note: %s ends at offset %d in what was never synced, or is being written: %s. That is no damage; the next start cuts it off", v.Torn.File, v.Torn.Offset, visible(v.Torn.What))
	}
	for _, d := range v.Damages {
		p.line(p.paint("31", fmt.Sprintf("damaged: %s, offset %d: %s", visible(d.File), d.Offset, visible(d.What))))
	}
	if len(v.Damages) == 0 {
		p.line("nothing is damaged, missing, doubled or out of its order")
	}
}

// counted lists the numbers that are not 0, in an order.
func counted(numbers map[string]int64, order ...string) string {
	var parts []string
	for _, name := range order {
		if n := numbers[name]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, name))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
