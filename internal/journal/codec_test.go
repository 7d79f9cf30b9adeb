package journal

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	codecTime = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	records   = []struct {
		name   string
		record Record
	}{
		{"header", Record{Type: HeaderRecord, Time: codecTime, Header: &SegmentHeader{
			Version: 1, Run: "run \"one\"", Identity: "0a1b2c3d", Segment: 7, First: 99, Created: codecTime, KeyID: "feed", PreviousBytes: 4096, Snapshot: &Snapshot{Seq: 98, Epoch: 3, Special: []SnapshotWrite{{Seq: 5, At: New, Time: codecTime}}},
		}}},
		{"intent", Record{Seq: 17, Synced: 16, Type: IntentRecord, Time: codecTime, ID: "0a1b2c3d-17", Write: &Write{
			At: New, Epoch: 3, Time: codecTime, Route: "orders", Method: "POST", Target: "/orders?a=%20&b=\\", Host: "shop.example", Scheme: "https", Client: "192.0.2.7",
			Header: http.Header{"Content-Type": {"application/json"}, "X-Many": {"a", "", "b\tc"}}, Trailer: http.Header{"X-Sum": {"7"}}, Withheld: []string{"Authorization", "query:token"},
			Body: []byte("{\"a\":\"b\\u0041\u2028\"}\n"), Idempotent: true,
		}}},
		{"intent of bytes", Record{Seq: 1<<63 + 1, Type: IntentRecord, Time: codecTime, ID: "0a1b2c3d-18", Write: &Write{
			At: Old, Method: "PUT", Target: "/\xff\"", Host: "h\xfe", Header: http.Header{"X-Latin": {"caf\xe9"}, "X-Text": {"é"}}, Trailer: http.Header{"X-Latin": {"\xe9"}}, Body: []byte{0, 1, 0xff}, Time: codecTime,
		}}},
		{"intent with a spool", Record{Seq: 2, Type: IntentRecord, Time: codecTime, ID: "0a1b2c3d-2", Write: &Write{
			At: New, Method: "PUT", Target: "/", Header: http.Header{}, Time: codecTime, Spool: &Spool{Path: "00000001-2.body", Size: 1 << 40, SHA256: "ab"},
		}}},
		{"outcome", Record{Seq: 3, Type: OutcomeRecord, Time: codecTime, ID: "0a1b2c3d-2", Answer: &Answer{
			Outcome: Acknowledged, Status: 201, Header: http.Header{"Location": {"/orders/17"}}, Body: []byte("\x01\x1f ok"), Size: 5, SHA256: "cd", Whole: true, Duration: 1234567,
		}}},
		{"no answer", Record{Seq: 4, Type: OutcomeRecord, Time: codecTime, ID: "0a1b2c3d-2", Answer: &Answer{Outcome: Unknown, Error: "cut\r\n\x00\xff"}}},
		{"body", Record{Seq: 5, Type: BodyRecord, Time: codecTime, ID: "0a1b2c3d-2", Answer: &Answer{Outcome: Acknowledged, Status: 200, Size: 1 << 33, Whole: true}}},
		{"sending", Record{Seq: 6, Type: SendingRecord, Time: codecTime, ID: "0a1b2c3d-2", Mark: &Mark{To: Old, By: "replay", Repeatable: true}}},
		{"sent", Record{Seq: 7, Type: SentRecord, Time: codecTime, ID: "0a1b2c3d-2", Answer: &Answer{Outcome: Acknowledged, Status: 200}, Mark: &Mark{To: Old, By: "mirror", Differs: "id 17 instead of 18"}}},
		{"resolved", Record{Seq: 8, Type: ResolvedRecord, Time: codecTime, ID: "0a1b2c3d-2", Mark: &Mark{To: Old, By: "alice", Reason: "seen\nthere", Sent: true}}},
		{"discarded", Record{Seq: 9, Type: DiscardedRecord, Time: codecTime, ID: "0a1b2c3d-9", Mark: &Mark{To: Old, By: "alice", Through: 8}}},
		{"gap", Record{Seq: 10, Type: GapRecord, Time: codecTime, ID: "0a1b2c3d-10", Mark: &Mark{To: New, Count: 12, From: codecTime}}},
	}
)

// encode is a record's line, as the writer makes it.
func encode(r *Record, hidden *private, s *sealer) ([]byte, error) {
	return appendRecord(nil, r, hidden, s)
}

func appendRecord(b []byte, r *Record, hidden *private, s *sealer) ([]byte, error) {
	d := newDraft(nil, r, hidden)
	identity, _, _ := strings.Cut(r.ID, "-")
	return d.appendLine(b, identity, r.Seq, r.Synced, s)
}

func TestRecordsSurviveTheirLine(t *testing.T) {
	for _, tt := range records {
		t.Run(tt.name, func(t *testing.T) {
			written, err := encode(&tt.record, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(string(written), "\n") != 1 || !json.Valid(written) {
				t.Fatalf("not one written of JSON: %q", written)
			}
			got, err := decodeLine(written[:len(written)-1], nil)
			if err != nil {
				t.Fatalf("%v\n%s", err, written)
			}
			if diff := cmp.Diff(tt.record, got, cmpopts.IgnoreUnexported(Spool{})); diff != "" {
				t.Errorf("-written +read\n%s\n%s", diff, written)
			}
		})
	}
}

func TestSealedRecord(t *testing.T) {
	s, err := newSealer([]byte("correct horse"), "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	want := &Write{At: New, Method: "POST", Target: "/a?token=s3cret", Header: http.Header{"Authorization": {"Bearer s3cret"}, "X-Raw": {"s3cret\xff"}, "Accept": {"*/*"}}, Trailer: http.Header{"X-Key": {"s3cret"}, "X-Sum": {"7"}}, Body: []byte("s3cret"), Time: codecTime}
	clear := *want
	clear.Target, clear.Header, clear.Body = "/a?token=[sealed]", http.Header{"Accept": {"*/*"}}, nil
	clear.Trailer = http.Header{"X-Sum": {"7"}}
	hidden := &private{Target: want.Target, Header: http.Header{"Authorization": want.Header["Authorization"], "X-Raw": want.Header["X-Raw"]}, Trailer: http.Header{"X-Key": {"s3cret"}}, Body: want.Body}
	r := Record{Seq: 5, Type: IntentRecord, Time: codecTime, ID: "0a1b2c3d-5", Write: &clear}
	written, err := encode(&r, hidden, s)
	if err != nil {
		t.Fatal(err)
	}
	written = written[:len(written)-1]
	if strings.Contains(string(written), "s3cret") {
		t.Errorf("a secret in clear: %s", written)
	}
	got, err := decodeLine(written, s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.Write); diff != "" || got.Sealed {
		t.Errorf("-written +read\n%s", diff)
	}
	if got, err = decodeLine(written, nil); err != nil || !got.Sealed || got.Write.Body != nil || got.Write.Target != clear.Target {
		t.Errorf("without the key: %+v, %v", got, err)
	}
	for _, other := range []struct{ key, identity string }{{"other", "0a1b2c3d"}, {"correct horse", "0a1b2c3e"}} {
		s, _ := newSealer([]byte(other.key), other.identity)
		if _, err := decodeLine(written, s); err == nil {
			t.Errorf("opened with %+v", other)
		}
	}
}

func TestEveryFlippedBitOfALineIsSeen(t *testing.T) {
	written, err := encode(&records[1].record, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	written = written[:len(written)-1]
	for i := range written {
		for bit := range 8 {
			written[i] ^= 1 << bit
			if r, err := decodeLine(written, nil); err == nil {
				t.Errorf("byte %d, bit %d: read as %+v", i, bit, r)
			}
			written[i] ^= 1 << bit
		}
	}
	for i := range written {
		if _, err := decodeLine(written[:i], nil); err == nil {
			t.Errorf("cut at byte %d: read", i)
		}
	}
}
