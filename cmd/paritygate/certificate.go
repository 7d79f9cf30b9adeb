package main

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// certificateEvery is how often the files of the TLS certificate are looked at.
const certificateEvery = 2 * time.Second

// readCertificate takes a TLS certificate that was replaced into use; one that is no good is said once, and the one in use
// stays. asked says that somebody wants to know.
func (p *Program) readCertificate(ctx context.Context, asked bool) {
	if p.certificate == nil {
		return
	}
	changed, err := p.certificate.Reload()
	p.metrics.certificateRead(err == nil)
	switch {
	case !changed && !asked:
	case err != nil:
		p.log.Error("the TLS certificate was not reloaded; the one in use stays", zap.Error(err))
		p.audit(ctx, p.auditLine("certificate_failed", err.Error()))
	case changed:
		p.log.Info("the TLS certificate was reloaded")
		p.audit(ctx, p.auditLine("certificate", "the TLS certificate was reloaded"))
	}
}
