package journal

import (
	"net/http"
	"testing"
	"time"
)

// A little language for histories: each function is a record.
func intent(seq uint64, at Side, epoch uint64, method, target string) *Record {
	return &Record{
		Seq: seq, Type: IntentRecord, ID: WriteID("0badcafe", seq), Time: time.Unix(int64(seq), 0),
		Write: &Write{Time: time.Unix(int64(seq), 0), At: at, Epoch: epoch, Method: method, Target: target, Header: http.Header{}},
	}
}

func outcome(seq, of uint64, status int, location, body string) *Record {
	a := &Answer{Outcome: OutcomeOf(status), Status: status, Body: []byte(body), Header: http.Header{}, Whole: true}
	if location != "" {
		a.Header.Set("Location", location)
	}
	return &Record{Seq: seq, Type: OutcomeRecord, ID: WriteID("0badcafe", of), Answer: a}
}

func TestConflicts(t *testing.T) {
	const live, back = 5, 6 // epochs
	plain := &Answer{Outcome: Acknowledged, Status: 200}
	created := func(location, body string) *Answer {
		a := &Answer{Outcome: Acknowledged, Status: 201, Header: http.Header{}, Body: []byte(body)}
		if location != "" {
			a.Header.Set("Location", location)
		}
		return a
	}
	for _, tt := range []struct {
		name     string
		old      []*Record // from Seq 100 on
		method   string
		target   string
		answer   *Answer
		excused  uint64
		conflict bool
	}{
		{"nothing was written", nil, "PUT", "/orders/17", plain, 0, false},
		{"the same resource", []*Record{intent(100, Old, back, "PATCH", "/orders/17"), outcome(101, 100, 200, "", "")}, "PATCH", "/orders/17", plain, 0, true},
		{"the same resource, another query", []*Record{intent(100, Old, back, "PATCH", "/orders/17?a=1"), outcome(101, 100, 200, "", "")}, "PATCH", "/orders/17?b", plain, 0, true},
		{"the same resource, written in another way", []*Record{intent(100, Old, back, "PATCH", "/orders//%31%37/"), outcome(101, 100, 200, "", "")}, "PATCH", "/orders/17", plain, 0, true},
		{"the same resource, in another case", []*Record{intent(100, Old, back, "PATCH", "/Orders/17"), outcome(101, 100, 200, "", "")}, "PATCH", "/orders/17", plain, 0, true},
		{"under way at old, in another case", []*Record{intent(100, Old, back, "PATCH", "/Orders/17")}, "PATCH", "/orders/17", plain, 0, true},
		{"an answer from before comes after it", []*Record{
			intent(100, Old, live, "PUT", "/orders/17"), intent(101, Old, back, "PUT", "/orders/17"), outcome(102, 101, 200, "", ""), outcome(103, 100, 504, "", ""),
		}, "PUT", "/orders/17", plain, 0, true},
		{"in the same epoch", []*Record{intent(100, Old, live, "PUT", "/orders/17"), outcome(101, 100, 200, "", "")}, "PUT", "/orders/17", plain, 0, false},
		{"at new", []*Record{intent(100, New, back, "PUT", "/orders/17"), outcome(101, 100, 200, "", "")}, "PUT", "/orders/17", plain, 0, false},
		{"refused by old", []*Record{intent(100, Old, back, "PUT", "/orders/17"), outcome(101, 100, 409, "", "")}, "PUT", "/orders/17", plain, 0, false},
		{"failed at old, nobody knows how", []*Record{intent(100, Old, back, "PUT", "/orders/17"), outcome(101, 100, 502, "", "")}, "PUT", "/orders/17", plain, 0, true},
		{"under way at old", []*Record{intent(100, Old, back, "PUT", "/orders/17")}, "PUT", "/orders/17", plain, 0, true},
		{"another one", []*Record{intent(100, Old, back, "PUT", "/orders/18"), outcome(101, 100, 200, "", "")}, "PUT", "/orders/17", plain, 0, false},
		{"a longer name", []*Record{intent(100, Old, back, "DELETE", "/orders/1"), outcome(101, 100, 200, "", "")}, "PUT", "/orders/17", plain, 0, false},
		{"old deleted what is above", []*Record{intent(100, Old, back, "DELETE", "/orders/17"), outcome(101, 100, 204, "", "")}, "POST", "/orders/17/lines/2", plain, 0, true},
		{"old deletes what is above", []*Record{intent(100, Old, back, "DELETE", "/orders/17")}, "POST", "/orders/17/lines/2", plain, 0, true},
		{"old changed what is above", []*Record{intent(100, Old, back, "PATCH", "/orders/17"), outcome(101, 100, 200, "", "")}, "POST", "/orders/17/lines/2", plain, 0, false},
		{"new deleted what is above", []*Record{intent(100, Old, back, "PATCH", "/orders/17/lines/2"), outcome(101, 100, 200, "", "")}, "DELETE", "/orders/17", plain, 0, true},
		{"new deleted what is above, under way", []*Record{intent(100, Old, back, "PATCH", "/orders/17/lines/2")}, "DELETE", "/orders/17", plain, 0, true},
		{"new changed what is above", []*Record{intent(100, Old, back, "PATCH", "/orders/17/lines/2"), outcome(101, 100, 200, "", "")}, "PATCH", "/orders/17", plain, 0, false},
		{"both made one", []*Record{intent(100, Old, back, "POST", "/orders"), outcome(101, 100, 201, "", `{"id":18}`)}, "POST", "/orders", created("", `{"id":17}`), 0, false},
		{"both made one, answered 200", []*Record{intent(100, Old, back, "POST", "/orders"), outcome(101, 100, 200, "", `{"id":18}`)}, "POST", "/orders", &Answer{Outcome: Acknowledged, Status: 200, Body: []byte(`[{"id":"17"}]`)}, 0, false},
		{"both made the same one", []*Record{intent(100, Old, back, "POST", "/orders"), outcome(101, 100, 201, "/orders/17", "")}, "POST", "/orders", created("/orders/17", ""), 0, true},
		{"both posted, and nothing was made", []*Record{intent(100, Old, back, "POST", "/rpc"), outcome(101, 100, 200, "", `{"ok":true}`)}, "POST", "/rpc", plain, 0, true},
		{"old made what new changed", []*Record{intent(100, Old, back, "POST", "/orders"), outcome(101, 100, 201, "http://shop/orders/17", "")}, "PUT", "/orders/17", plain, 0, true},
		{"an operator knows", []*Record{intent(100, Old, back, "PUT", "/orders/17"), outcome(101, 100, 200, "", "")}, "PUT", "/orders/17", plain, 101, false},
		{"old wrote since the operator knew", []*Record{intent(100, Old, back, "PUT", "/orders/17"), outcome(101, 100, 200, "", "")}, "PUT", "/orders/17", plain, 100, true},
		{"a method that a header hides", []*Record{intent(100, Old, back, "PATCH", "/orders/17/lines/2"), outcome(101, 100, 200, "", "")}, "POST!DELETE", "/orders/17", plain, 0, true},
		{"a gap in old's records", []*Record{{Seq: 100, Type: GapRecord, Mark: &Mark{To: New, Count: 1}}}, "PUT", "/orders/17", plain, 0, true},
		{"a gap in new's records", []*Record{{Seq: 100, Type: GapRecord, Mark: &Mark{To: Old, Count: 1}}}, "PUT", "/orders/17", plain, 0, false},
		{"a gap that an operator looked at", []*Record{{Seq: 100, Type: GapRecord, Mark: &Mark{To: New, Count: 1}}, {Seq: 101, Type: ResolvedRecord, ID: WriteID("0badcafe", 100), Mark: &Mark{Sent: true}}}, "PUT", "/orders/17", plain, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			index := newTouched(Old)
			for _, r := range tt.old {
				index.apply(r)
			}
			w := &task{write: &Write{At: New, Epoch: live, Method: tt.method, Target: tt.target, Header: http.Header{}}, recorded: tt.answer, intent: 1, outcome: 2, excused: tt.excused}
			if tt.method == "POST!DELETE" {
				w.write.Method = "POST"
				w.write.Header.Set("X-HTTP-Method-Override", "delete")
			}
			w.path = pathOf(w.write.Target)
			w.resource = resourceOf(w.write, w.path, w.recorded)
			if got := index.against(w); (got != nil) != tt.conflict {
				t.Errorf("conflict: %+v, want %v", got, tt.conflict)
			}
		})
	}
}

func TestPathsHaveOneSpelling(t *testing.T) {
	for target, want := range map[string]string{
		"/": "/", "": "/", "*": "/*", "/a/b": "/a/b", "/a/b/": "/a/b", "/a//b?x=1": "/a/b", "/a/%62": "/a/b", "/a%2Fb": "/a%2Fb",
		"/a%2fb": "/a%2Fb", "/a/../b": "/b", "/../b": "/b", "/a/./b": "/a/b", "/a/%zz": "/a/%zz", "http://shop.example/a/b?x": "/a/b",
		"http://shop.example?x": "/", "/a?u=http://x/y": "/a", "/%E2%82%AC": "/€", "/a#b": "/a",
	} {
		if got := pathOf(target); got != want {
			t.Errorf("pathOf(%q) = %q, want %q", target, got, want)
		}
	}
}
