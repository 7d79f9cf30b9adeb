package aggregate

import (
	"context"

	"paritygate/compare/aggregate/catalog"
)

// ReadCatalog reads what a database is made of, within one read-only transaction. The side, old or new, is for errors, which
// hold no secret. Without schemas it reads all that users made; one that is not there is left out of the catalog's Schemas.
func ReadCatalog(ctx context.Context, side string, d Database, schemas []string) (*catalog.Catalog, error) {
	db, err := newDatabase(side, d)
	if err != nil {
		return nil, err
	}
	s, err := db.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	c, err := readCatalog(ctx, s, schemas, catalog.Full)
	if err != nil {
		return nil, err
	}
	return c, readStates(ctx, s, c, c.Sequences)
}

func readCatalog(ctx context.Context, s source, schemas []string, detail catalog.Detail) (*catalog.Catalog, error) {
	if _, err := s.ask(ctx, catalog.Setting, 1); err != nil {
		return nil, err
	}
	c := &catalog.Catalog{}
	return c, readRows(ctx, s, c, catalog.Queries(schemas, detail))
}

// readStates asks the sequences that may be read where they stand, and writes it into the catalog. Sequences know no
// snapshot: what is read is where they stand now, never less than where they stood when the transaction began.
func readStates(ctx context.Context, s source, c *catalog.Catalog, sequences []catalog.Sequence) error {
	return readRows(ctx, s, c, catalog.States(sequences))
}

func readRows(ctx context.Context, s source, c *catalog.Catalog, queries []catalog.Query) error {
	for _, q := range queries {
		a, err := s.ask(ctx, q.SQL, catalog.MostRows)
		if err != nil {
			return err
		}
		for _, row := range a.rows {
			if err := q.Read(c, row[0].text); err != nil {
				return err
			}
		}
	}
	return nil
}
