package admin_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"paritygate/internal/admin"
)

func TestStrictBodies(t *testing.T) {
	tests := []struct {
		name, path, body string
		status           int
		code             admin.Code
		part             string
	}{
		{"missing", "/v1/rollback", "", 400, admin.CodeBadRequest, "a JSON body is needed, with epoch, reason"},
		{"no object", "/v1/rollback", `[]`, 400, admin.CodeBadRequest, "must be a JSON object"},
		{"null", "/v1/resume", `null`, 400, admin.CodeBadRequest, "must be a JSON object"},
		{"no JSON", "/v1/rollback", `reason=x`, 400, admin.CodeBadRequest, "the body is not JSON"},
		{"cut off", "/v1/rollback", `{"reason":"x"`, 400, admin.CodeBadRequest, "ends too early"},
		{"cut off in a text", "/v1/rollback", `{"reason":"x`, 400, admin.CodeBadRequest, "ends too early"},
		{"garbage behind", "/v1/rollback", `{"reason":"x"} {}`, 400, admin.CodeBadRequest, "there is more after the JSON object"},
		{"brace behind", "/v1/rollback", `{"reason":"x"}}`, 400, admin.CodeBadRequest, "there is more after the JSON object"},
		{"unknown field", "/v1/rollback", `{"reason":"x","why":1}`, 400, admin.CodeBadRequest, `unknown field \"why\"; this call takes epoch, reason`},
		{"other case", "/v1/rollback", `{"Reason":"x"}`, 400, admin.CodeBadRequest, `unknown field \"Reason\"`},
		{"field twice", "/v1/rollback", `{"reason":"x","reason":"y"}`, 400, admin.CodeBadRequest, `\"reason\" is there twice`},
		{"number for a text", "/v1/rollback", `{"reason":1}`, 400, admin.CodeBadRequest, "reason: must be a string, not a number"},
		{"null for a text", "/v1/rollback", `{"reason":null}`, 400, admin.CodeBadRequest, "reason: must be a string, not null"},
		{"blank reason", "/v1/rollback", `{"reason":" \n"}`, 400, admin.CodeBadRequest, "reason: is needed"},
		{"no reason", "/v1/restart", `{}`, 400, admin.CodeBadRequest, "reason: is needed"},
		{"escape sequences", "/v1/rollback", `{"reason":"\u001b[2J"}`, 400, admin.CodeBadRequest, "control characters"},
		{"no UTF-8", "/v1/rollback", "{\"reason\":\"\xff\"}", 400, admin.CodeBadRequest, "not UTF-8"},
		{"negative epoch", "/v1/restart", `{"reason":"x","epoch":-1}`, 400, admin.CodeBadRequest, "epoch: must be a whole number, not -1"},
		{"broken epoch", "/v1/restart", `{"reason":"x","epoch":1.5}`, 400, admin.CodeBadRequest, "epoch: must be a whole number"},
		{"epoch as a text", "/v1/restart", `{"reason":"x","epoch":"3"}`, 400, admin.CodeBadRequest, "epoch: must be a whole number, not a string"},
		{"epoch too large", "/v1/restart", `{"reason":"x","epoch":18446744073709551616}`, 400, admin.CodeBadRequest, "epoch: must be"},
		{"too large", "/v1/rollback", `{"reason":"` + strings.Repeat("x", admin.MaxBody) + `"}`, 413, admin.CodeTooLarge, "larger than 64 KiB"},
		{"force without a reason", "/v1/cutover", `{"force":true}`, 400, admin.CodeBadRequest, "reason: is needed with force"},
		{"force without a reason, dry", "/v1/cutover", `{"force":true,"dry_run":true}`, 400, admin.CodeBadRequest, "reason: is needed with force"},
		{"force as a text", "/v1/cutover", `{"force":"yes"}`, 400, admin.CodeBadRequest, "force: must be true or false, not a string"},
		{"attestation without a name", "/v1/attestations", `{"evidence":"x"}`, 400, admin.CodeBadRequest, "name: is needed"},
		{"attestation that none can ask for", "/v1/attestations", `{"name":"back up","evidence":"x"}`, 400, admin.CodeBadRequest, "can stand in no gate.attestations"},
		{"attestation without evidence", "/v1/attestations", `{"name":"x"}`, 400, admin.CodeBadRequest, "evidence: is needed"},
		{"no fraction", "/v1/mirror", `{}`, 400, admin.CodeBadRequest, "fraction: is needed"},
		{"fraction null", "/v1/mirror", `{"fraction":null}`, 400, admin.CodeBadRequest, "fraction: must be"},
		{"fraction too large", "/v1/mirror", `{"fraction":25}`, 400, admin.CodeBadRequest, "fraction: 25 is more than 1"},
		{"percent too large", "/v1/mirror", `{"fraction":"101%"}`, 400, admin.CodeBadRequest, "more than 100%"},
		{"fraction negative", "/v1/mirror", `{"fraction":-0.1}`, 400, admin.CodeBadRequest, "less than 0"},
		{"fraction of words", "/v1/mirror", `{"fraction":"half"}`, 400, admin.CodeBadRequest, "is no fraction"},
		{"fraction NaN", "/v1/mirror", `{"fraction":"NaN%"}`, 400, admin.CodeBadRequest, "is no fraction"},
		{"fraction infinite", "/v1/mirror", `{"fraction":1e999}`, 400, admin.CodeBadRequest, "is no fraction"},
	}
	r := shop()
	server := serve(t, r)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			call(t, server, "POST", tt.path, tt.body).wantError(t, tt.status, tt.code, tt.part)
		})
	}
	if n := len(r.made()); n != 0 {
		t.Errorf("%d changes were made", n)
	}
}

// A client that sends half of what it announced changes nothing.
func TestHalfABody(t *testing.T) {
	r := shop()
	server := serve(t, r)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /v1/rollback HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"reason\":\"x\"}")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400") || !strings.Contains(string(got), "could not be read to its end") {
		t.Errorf("%v %s", err, got)
	}
	if len(r.made()) != 0 {
		t.Error("a change was made")
	}
}

func TestParseFraction(t *testing.T) {
	for text, want := range map[string]float64{"0": 0, "-0": 0, "1": 1, "0.25": .25, "25%": .25, "100%": 1, "2.5e1%": .25, ".5": .5} {
		if got, err := admin.ParseFraction(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "%", "1.01", "-1%", "0x1p-2", "1_0%", "Inf", "nan", "1,5%", " 1", "25 %", "1%%"} {
		if got, err := admin.ParseFraction(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func FuzzParseFraction(f *testing.F) {
	for _, seed := range []string{"25%", "0.25", "1e-3", "NaN", "-0", "0x1", "%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := admin.ParseFraction(text); err == nil && !(got >= 0 && got <= 1) {
			t.Errorf("%q is %v", text, got)
		}
	})
}
