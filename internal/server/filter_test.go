package server_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/internal/hydro"
	"freshet/internal/server"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// Whatever is filtered, and wherever the watcher breaks off, it sees what it wants
// once and in order, and is told how much of that waits: from memory, and where it
// must read the log.
func TestAFilteredFeedHasNoGapNoRepeatAndCountsWhatWaits(t *testing.T) {
	for _, kept := range []int{4096, 10} {
		t.Run(fmt.Sprintf("kept=%d", kept), func(t *testing.T) {
			b := newBench(t, func(o *server.Options) { o.FeedKept = kept })
			rnd := rand.New(rand.NewPCG(7, uint64(kept)))
			var all []hydro.Warning
			stations := []string{"nowhere"} // of no department that is known: everybody's
			for _, d := range hydro.Departments {
				for i := range b.catalog.Stations {
					if st := &b.catalog.Stations[i]; st.Department == d {
						stations = append(stations, st.ID)
						break
					}
				}
			}
			if len(stations) != 4 {
				t.Fatal(stations)
			}
			change := func(w *hydro.Warning) {
				w.Station = stations[rnd.IntN(len(stations))]
				w.From, w.To = hydro.Stages[rnd.IntN(6)], hydro.Stages[rnd.IntN(6)]
				if rnd.IntN(5) == 0 {
					w.Cause = "silent"
				}
				all = append(all, *w)
			}
			if err := b.publish(t.Context(), riverBasin, 0, 200, change); err != nil {
				t.Fatal(err)
			}
			if err := b.publish(t.Context(), quietBasin, 0, 100, change); err != nil {
				t.Fatal(err)
			}
			for _, req := range []*freshetv1.WatchWarningsRequest{
				{},
				{Kinds: []string{"warning"}},
				{Kinds: []string{"warning"}, Basins: []string{quietBasin}},
				{Departments: []freshetv1.Department{freshetv1.Department_DEPARTMENT_HYDROLOGY}},
				{Departments: []freshetv1.Department{freshetv1.Department_DEPARTMENT_WEATHER, freshetv1.Department_DEPARTMENT_WATER_RESOURCES}, MinStage: freshetv1.Stage_STAGE_YELLOW},
				{MinStage: freshetv1.Stage_STAGE_RED},
				{MinStage: freshetv1.Stage_STAGE_BLIND, Basins: []string{riverBasin}},
			} {
				// In other words than the server's.
				want := map[string][]string{}
				waiting := uint64(0)
				for _, w := range all {
					if len(req.GetBasins()) > 0 && !slices.Contains(req.GetBasins(), w.Basin) {
						continue
					}
					if st, ok := b.catalog.Station(w.Station); ok && len(req.GetDepartments()) > 0 && !slices.Contains(req.GetDepartments(), wire.FromDepartment(st.Department)) {
						continue
					}
					blind := w.From == hydro.Blind || w.To == hydro.Blind || w.Cause != ""
					if least := req.GetMinStage(); least != 0 && !blind && wire.FromStage(w.From) < least && wire.FromStage(w.To) < least {
						continue
					}
					want[w.Basin] = append(want[w.Basin], w.ID)
					waiting++
				}
				if waiting == 0 || len(want) == 0 {
					t.Fatalf("%v: nothing to see", req)
				}
				got := map[string][]string{}
				req.FromStart = true
				for waiting > 0 {
					ctx, cancel := context.WithCancel(t.Context())
					w := b.watch(ctx, t, req)
					for range 1 + rnd.IntN(60) {
						m := w.next()
						req.ResumeToken = m.GetResumeToken()
						if got[m.GetWarning().GetBasin()] = append(got[m.GetWarning().GetBasin()], m.GetWarning().GetId()); m.GetWarning() != nil {
							waiting--
						}
						if m.GetUnseen() != waiting {
							t.Fatalf("%v: %d wait, want %d (warning %v)", req, m.GetUnseen(), waiting, m.GetWarning().GetId())
						}
						if waiting == 0 {
							break
						}
					}
					cancel()
				}
				delete(got, "") // heartbeats
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%v (-want +got):\n%s", req, diff)
				}
			}
		})
	}
}

func TestFiltersThatAreWrongAreTold(t *testing.T) {
	b := newBench(t)
	for field, req := range map[string]*freshetv1.WatchWarningsRequest{
		"departments[0]": {Departments: []freshetv1.Department{99}},
		"min_stage":      {MinStage: 77},
		"kinds[0]":       {Kinds: []string{"gossip"}},
	} {
		_, err := b.watch(t.Context(), t, req).recv()
		if diff := cmp.Diff([]string{field}, violated(t, err)); diff != "" || status.Code(err) != codes.InvalidArgument {
			t.Error(err, diff)
		}
	}
	for _, query := range []string{"?department=navy", "?min_stage=purple", "?kind=gossip"} {
		if code, body := get(t, b.http+"/v1/warnings/feed"+query); code != 400 {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
	e := b.events(t.Context(), t, "?department=hydrology&min_stage=blue&kind=warning&from_start=true", "")
	defer e.body.Close()
	if err := b.publish(t.Context(), riverBasin, 0, 1); err != nil {
		t.Fatal(err)
	}
	if _, m := e.warning(); m.GetWarning().GetId() != feedWarning(riverBasin, 0).ID {
		t.Errorf("%v", m)
	}
}
