package server

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

func drawWarning(t *rapid.T) *hydro.Warning {
	at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), rapid.SampledFrom([]int64{0, 1, 5e8}).Draw(t, "ns")).UTC()
	stage := rapid.SampledFrom(hydro.Stages)
	return &hydro.Warning{
		ID: rapid.String().Draw(t, "id"), Basin: "b", Station: rapid.StringMatching("[a-z]{0,5}").Draw(t, "station"), At: at,
		From: stage.Draw(t, "from"), To: stage.Draw(t, "to"), ReasonZH: rapid.String().Draw(t, "zh"), ReasonEN: "\n\"</script>",
		Cause: rapid.SampledFrom([]string{"", "silent"}).Draw(t, "cause"), Observed: hydro.Leg{Variable: hydro.WaterLevel, Value: rapid.Float64Range(-1e6, 1e6).Draw(t, "value"), At: at},
	}
}

// What is put together from a part for all and a part for one reads as the
// contract's message, over gRPC and as an event.
func TestAnAnswerReadsAsTheContractSays(t *testing.T) {
	s := &Server{opts: Options{Catalog: func() *catalog.Catalog { return nil }}}
	rapid.Check(t, func(rt *rapid.T) {
		a := feedAnswer{token: rapid.StringMatching("[A-Za-z0-9_-]{1,80}").Draw(rt, "token"), unseen: rapid.Uint64().Draw(rt, "unseen")}
		want := &freshetv1.WatchWarningsResponse{ResumeToken: a.token, Unseen: a.unseen}
		event := "heartbeat"
		if rapid.Bool().Draw(rt, "item") {
			w := drawWarning(rt)
			out := hydro.Output{}
			switch event = rapid.SampledFrom(feedKinds).Draw(rt, "kind"); event {
			case "warning":
				out.Warning, want.Warning = w, wire.FromWarning(w)
			case "group":
				out.Group = &hydro.GroupChange{
					ID: w.ID, Basin: "b", Kind: hydro.WaveGroup, Event: hydro.GroupRaised, At: w.At, OpenedAt: w.At, Stage: w.To, TextZH: w.ReasonZH,
					Stations: []hydro.GroupStation{{Station: w.Station, Stage: w.To, Highest: w.To, JoinedAt: w.At}}, Count: 1,
				}
				want.Group = wire.FromGroup(out.Group)
			case "duty":
				out.Duty = &hydro.DutyEvent{ID: w.ID, Basin: "b", At: w.At, Kind: "acknowledged", TextZH: w.ReasonZH, By: hydro.Person{Name: w.Station}}
				want.Duty = wire.FromDutyEvent(out.Duty)
			case "forecast_watch":
				out.Watch = &hydro.ForecastWatch{
					Basin: "b", Standing: rapid.SampledFrom(hydro.ForecastStandings).Draw(rt, "standing"), At: w.At, Since: w.At, DetailZH: w.ReasonZH,
					Holes: []hydro.ForecastHole{{Node: w.Station, Why: w.ReasonEN}},
				}
				want.ForecastWatch = wire.FromForecastWatch(out.Watch)
			}
			var err error
			if a.item, err = s.encodeItem("b", &journal.Record{Seq: 1, Output: out}, w.At); err != nil {
				rt.Fatal(err)
			}
		}
		if rapid.Bool().Draw(rt, "now") {
			a.now = time.Unix(rapid.Int64Range(0, 4e9).Draw(rt, "now s"), rapid.Int64Range(0, 999_999_999).Draw(rt, "now ns"))
			want.Now = timestamppb.New(a.now)
		}
		got := &freshetv1.WatchWarningsResponse{}
		if err := proto.Unmarshal(a.proto().Materialize(), got); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			rt.Fatalf("gRPC (-want +got):\n%s", diff)
		}
		lines := bytes.Split(a.appendEvent(nil), []byte("\n"))
		if len(lines) != 5 || string(lines[0]) != "id: "+a.token || string(lines[1]) != "event: "+event {
			rt.Fatalf("%q", lines)
		}
		got = &freshetv1.WatchWarningsResponse{}
		data, _ := strings.CutPrefix(string(lines[2]), "data: ")
		if err := protojson.Unmarshal([]byte(data), got); err != nil {
			rt.Fatalf("%s: %v", data, err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			rt.Fatalf("event (-want +got):\n%s", diff)
		}
	})
}

// However many items come, a tail keeps the newest within its bounds, without a
// hole, and counts all.
func TestATailKeepsTheNewest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kept := rapid.IntRange(1, 20).Draw(rt, "kept")
		v := &view{from: 5, head: 5, totals: new(counts)}
		seqs := []uint64{5}
		older := v
		for range rapid.IntRange(1, 30).Draw(rt, "batches") {
			var batch []*item
			for range rapid.IntRange(1, 10).Draw(rt, "items") {
				seqs = append(seqs, seqs[len(seqs)-1]+rapid.Uint64Range(1, 9).Draw(rt, "step"))
				size := rapid.SampledFrom([]int{10, keptBytes / 3, 2 * keptBytes}).Draw(rt, "size")
				batch = append(batch, &item{seq: seqs[len(seqs)-1], class: class(size % classes), proto: make([]byte, 0), json: bigs[size]})
			}
			if rapid.Bool().Draw(rt, "look again later") {
				older = v
			}
			olderItems := append([]*item(nil), older.items...)
			v = v.with(batch, kept)
			if diff := cmp.Diff(len(olderItems), len(older.items)); diff != "" {
				rt.Fatal("a view has changed")
			}
			for k := range olderItems {
				if olderItems[k] != older.items[k] {
					rt.Fatal("a view has changed")
				}
			}
			n, bytes := len(v.items), 0
			for _, i := range v.items {
				bytes += i.size()
			}
			if n < 1 || n > kept || bytes != v.bytes || bytes > keptBytes && n > 1 {
				rt.Fatalf("%d items of %d bytes", n, bytes)
			}
			tail := seqs[len(seqs)-n:]
			for k, i := range v.items {
				if i.seq != tail[k] {
					rt.Fatal("a hole")
				}
			}
			if v.from != seqs[len(seqs)-n-1] || v.head != seqs[len(seqs)-1] || (&feedFilter{}).of(v.totals) != uint64(len(seqs)-1) {
				rt.Fatalf("from %d to %d, %d in all", v.from, v.head, (&feedFilter{}).of(v.totals))
			}
		}
	})
}

var bigs = map[int][]byte{10: make([]byte, 10), keptBytes / 3: make([]byte, keptBytes/3), 2 * keptBytes: make([]byte, 2*keptBytes)}

func TestPagesAreBounded(t *testing.T) {
	var c pageCache
	for i := range 1000 {
		key := string(rune('a' + i))
		c.put(key, &page{bytes: pageBytes / 5})
		if c.get(key) == nil || len(c.pages) > 5 || len(c.pages) != len(c.keys) || c.bytes != len(c.keys)*(pageBytes/5) {
			t.Fatalf("%d pages of %d bytes", len(c.pages), c.bytes)
		}
	}
	c.put("large", &page{bytes: 3 * pageBytes})
	if len(c.pages) != 1 || c.get("large") == nil {
		t.Errorf("%d pages", len(c.pages))
	}
}
