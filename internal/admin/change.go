package admin

import (
	"context"
	"net/http"
	"regexp"

	"paritygate/internal/evidence"
)

func (s *server) runCheck(r *http.Request) (any, error) {
	if err := decodeBody(r, true, fields{}); err != nil {
		return nil, err
	}
	result, err := s.service.RunCheck(r.Context(), r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return checksBody{tidyChecks([]evidence.CheckResult{result})}, nil
}

func (s *server) setMirror(r *http.Request) (any, error) {
	return s.setFraction(r, s.service.SetMirror)
}

func (s *server) setCanary(r *http.Request) (any, error) {
	return s.setFraction(r, s.service.SetCanary)
}

func (s *server) setFraction(r *http.Request, set func(context.Context, Change, float64) error) (any, error) {
	change := Change{Actor: actor(r)}
	var share fraction
	if err := decodeBody(r, false, fields{"fraction": &share, "epoch": &change.Epoch}); err != nil {
		return nil, err
	}
	if !share.given {
		return nil, Errorf(CodeBadRequest, "fraction: is needed, a number from 0 to 1 or a text such as \"25%%\"")
	}
	return s.changed(r, set(r.Context(), change, share.value))
}

// attestable is what the configuration takes for a name.
var attestable = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$`)

func (s *server) attest(r *http.Request) (any, error) {
	change := Change{Actor: actor(r)}
	var name, statement string
	err := decodeBody(r, false, fields{"name": &name, "evidence": &statement, "epoch": &change.Epoch})
	switch {
	case err != nil:
		return nil, err
	case name == "":
		return nil, Errorf(CodeBadRequest, "name: is needed, the attestation that the gate asks for")
	case !attestable.MatchString(name):
		return nil, Errorf(CodeBadRequest, "name: %q can stand in no gate.attestations: 1 to 63 letters, digits, `_`, `-` and `.`", shorten(name))
	case statement == "":
		return nil, Errorf(CodeBadRequest, "evidence: is needed, what shows that %q is true", shorten(name))
	}
	return s.changed(r, s.service.Attest(r.Context(), change, name, statement))
}

func (s *server) cutover(r *http.Request) (any, error) {
	change := Change{Actor: actor(r)}
	var dryRun, force bool
	err := decodeBody(r, false, fields{"reason": &change.Reason, "epoch": &change.Epoch, "dry_run": &dryRun, "force": &force})
	if err != nil {
		return nil, err
	}
	if force && change.Reason == "" {
		return nil, Errorf(CodeBadRequest, "reason: is needed with force; it goes into the audit log")
	}
	report, err := s.service.Cutover(r.Context(), change, dryRun, force)
	if err != nil {
		return nil, err
	}
	status, err := s.status(r)
	return CutoverResult{Status: status, DryRun: dryRun, Report: tidyReport(report)}, err
}

func (s *server) rollback(r *http.Request) (any, error) {
	change, err := reasoned(r)
	if err != nil {
		return nil, err
	}
	return s.changed(r, s.service.Rollback(r.Context(), change))
}

func (s *server) restart(r *http.Request) (any, error) {
	change, err := reasoned(r)
	if err != nil {
		return nil, err
	}
	return s.changed(r, s.service.Restart(r.Context(), change))
}

func (s *server) resume(r *http.Request) (any, error) {
	change := Change{Actor: actor(r)}
	var discard bool
	if err := decodeBody(r, true, fields{"reason": &change.Reason, "epoch": &change.Epoch, "discard": &discard}); err != nil {
		return nil, err
	}
	if discard && change.Reason == "" {
		return nil, Errorf(CodeBadRequest, "reason: is needed with discard; it goes into the audit log")
	}
	return s.changed(r, s.service.Resume(r.Context(), change, discard))
}

func (s *server) complete(r *http.Request) (any, error) {
	change := Change{Actor: actor(r)}
	var purge bool
	if err := decodeBody(r, true, fields{"reason": &change.Reason, "epoch": &change.Epoch, "purge_journal": &purge}); err != nil {
		return nil, err
	}
	return s.changed(r, s.service.Complete(r.Context(), change, purge))
}

// reasoned reads a change that must say why.
func reasoned(r *http.Request) (Change, error) {
	change := Change{Actor: actor(r)}
	if err := decodeBody(r, false, fields{"reason": &change.Reason, "epoch": &change.Epoch}); err != nil {
		return change, err
	}
	if change.Reason == "" {
		return change, Errorf(CodeBadRequest, "reason: is needed; it goes into the audit log")
	}
	return change, nil
}

// changed answers a change that was made with the new status.
func (s *server) changed(r *http.Request, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return s.status(r)
}
