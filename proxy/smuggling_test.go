package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// mutation is a request that two parsers may take for different ones. In its text ID stands for the case's number; /case/ID/ is what
// it asks for, and /smuggled/ID/ what nobody may ever be asked for.
type mutation struct {
	name, text string
	// bodies are what the proxy may take for the request's body, if it takes the request at all; none: it must refuse.
	bodies []string
	// open says that the proxy may wait for more of the body; no further request follows on the connection then.
	open bool
}

// TestNoRequestIsSmuggled sends what front ends and back ends have disagreed about. The backends see nothing of it, or exactly one
// request without a flaw, with the body that the proxy takes it to have; and whoever asks next gets his own answer.
func TestNoRequestIsSmuggled(t *testing.T) {
	old, fresh := newStrictBackend(t), newStrictBackend(t)
	r := startAt(t, shadowPlan, old.Server, fresh.Server, func(o *Options) {
		o.Table.Routes = []Route{{Name: "all", Methods: []string{"GET", "POST"}, Kind: Read}}
		o.Queue = 1024
	})
	all := mutations()
	var marks []string
	t.Run("each", func(t *testing.T) {
		for i, m := range all {
			id := fmt.Sprint(1000 + i)
			marks = append(marks, "/"+id+"/")
			t.Run(fmt.Sprintf("%s %q", m.name, shortened(m.text)), func(t *testing.T) {
				t.Parallel()
				smuggle(t, r, old, m, id)
			})
		}
	})
	r.stop() // from here on nothing more reaches new
	for _, mark := range marks {
		atOld, atNew := complete(old.about(mark)), complete(fresh.about(mark))
		for _, x := range atNew {
			if !slices.Contains(atOld, x) {
				t.Errorf("new saw %+v, old %+v", x, atOld)
			}
		}
	}
	for _, x := range slices.Concat(old.about(""), fresh.about("")) {
		if x.flaw != "" {
			t.Errorf("a backend saw a malformed request: %s", x.flaw)
		}
	}
	if n := len(fresh.about("/")); n < len(all)/4 {
		t.Errorf("new saw %d requests only: nothing was mirrored", n)
	}
}

func shortened(s string) string { return s[:min(len(s), 150)] }

func complete(all []wireRequest) []wireRequest {
	return slices.DeleteFunc(all, func(r wireRequest) bool { return r.cut })
}

func smuggle(t *testing.T, r *rig, old *strictBackend, m mutation, id string) {
	text := strings.ReplaceAll(m.text, "ID", id)
	if !m.open {
		text += "GET /next/" + id + "/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	}
	answers := converse(t, r.address, text, m.open)
	_, after := r.do(http.MethodGet, "/after/"+id+"/", nil)
	if after != "GET /after/"+id+"/ " {
		t.Errorf("a request on another connection got %q", after)
	}
	var cases, nexts []wireRequest
	for _, x := range old.about("/" + id + "/") {
		switch {
		case x.flaw != "":
			t.Errorf("old saw a malformed request: %s", x.flaw)
		case strings.HasPrefix(x.target, "/case/"):
			cases = append(cases, x)
		case strings.HasPrefix(x.target, "/next/"):
			nexts = append(nexts, x)
		case !strings.HasPrefix(x.target, "/after/"):
			t.Errorf("old saw %+v", x)
		}
	}
	if len(cases) > 1 || len(nexts) > 1 {
		t.Fatalf("old saw %+v and %+v", cases, nexts)
	}
	if len(cases) == 1 && !cases[0].cut && !slices.ContainsFunc(m.bodies, func(b string) bool { return strings.ReplaceAll(b, "ID", id) == cases[0].body }) {
		t.Errorf("old saw the body %q, want one of %q", cases[0].body, m.bodies)
	}
	own(t, answers, cases, nexts)
}

// own checks that each answer belongs to its request, in their order, and that at most one request was refused.
func own(t *testing.T, answers []string, cases, nexts []wireRequest) {
	t.Helper()
	var want []string
	for _, x := range slices.Concat(cases, nexts) {
		if !x.cut {
			want = append(want, "200 "+x.method+" "+x.target+" "+x.body)
		}
	}
	got := slices.Clone(answers)
	if i := slices.IndexFunc(got, refusedByProxy); i >= 0 {
		got = slices.Delete(got, i, i+1)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the answers are %q; old was asked for %q", answers, want)
	}
}

// refusedByProxy reports whether a client was told that its request is at fault.
func refusedByProxy(answer string) bool {
	return answer[0] == '4' || strings.HasPrefix(answer, "501 ") || strings.HasPrefix(answer, "505 ")
}

// converse sends bytes and returns status and body of every answer, until the connection ends.
func converse(t *testing.T, address, text string, open bool) (answers []string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		return nil
	}
	if open {
		_ = c.(*net.TCPConn).CloseWrite()
	}
	in := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return answers
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil && resp.StatusCode < http.StatusBadRequest { // the server resets a connection that it refuses
			return append(answers, "broken "+string(body))
		}
		if resp.StatusCode != http.StatusContinue {
			answers = append(answers, fmt.Sprintf("%d %s", resp.StatusCode, body))
		}
	}
}
