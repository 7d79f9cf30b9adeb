package main

import (
	"context"
	"errors"

	"paritygate/config"
	"paritygate/internal/admin"
	"paritygate/internal/evidence"
)

// verifyEvents proves the audit log: as the running proxy shows it, else as it stands in the store's file.
func (o *options) verifyEvents(ctx context.Context, client *admin.Client) error {
	from := "the running proxy"
	head, err := client.VerifyEvents(ctx)
	if e, ok := errors.AsType[*admin.Error](err); ok && e.Code == admin.CodeUnavailable && e.HTTPStatus == 0 && o.admin == "" {
		c, loadErr := config.Load(o.config, o.sys.lookup)
		if loadErr != nil {
			return loadErr
		}
		from = c.Store.Path
		head, err = evidence.VerifyFile(ctx, from)
	}
	if err != nil {
		return err
	}
	shown := struct {
		Source string `json:"source"`
		evidence.Head
	}{from, head}
	return o.print(shown, func(p *printer) {
		p.linef("the audit log of %s holds together up to event %d: none changed, removed, reordered or cut off", from, head.Seq)
		p.linef("the last one has the hash %s; kept elsewhere, it proves later that nobody wrote the whole log anew", head.Hash)
	})
}
