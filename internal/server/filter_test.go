package server_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/journal"
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
			var all []feedItem
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
			for k, basin := range []string{riverBasin, quietBasin} {
				n := 200 - 100*k
				var outs []hydro.Output
				for i := range n {
					it := drawItem(rnd, b.catalog, stations, basin, i)
					all = append(all, it)
					outs = append(outs, hydro.Output{Audit: &hydro.Audit{At: begin, Kind: "refused", Text: "passed over"}}, it.out)
				}
				p := b.journal.Publisher(basin, journal.Position{})
				if err := errors.Join(p.Publish(t.Context(), 1, outs), p.Flush(t.Context())); err != nil {
					t.Fatal(err)
				}
			}
			for _, req := range []*freshetv1.WatchWarningsRequest{
				{},
				{Kinds: []string{"warning"}},
				{Kinds: []string{"warning"}, Basins: []string{quietBasin}},
				{Departments: []freshetv1.Department{freshetv1.Department_DEPARTMENT_HYDROLOGY}},
				{Departments: []freshetv1.Department{freshetv1.Department_DEPARTMENT_WEATHER, freshetv1.Department_DEPARTMENT_WATER_RESOURCES}, MinStage: freshetv1.Stage_STAGE_YELLOW},
				{MinStage: freshetv1.Stage_STAGE_RED},
				{Kinds: []string{"forecast_watch"}, MinStage: freshetv1.Stage_STAGE_RED, Departments: []freshetv1.Department{freshetv1.Department_DEPARTMENT_WEATHER}},
				{Kinds: []string{"group", "duty"}, MinStage: freshetv1.Stage_STAGE_ORANGE},
				{Kinds: []string{"duty"}, Departments: []freshetv1.Department{freshetv1.Department_DEPARTMENT_WEATHER}},
				{MinStage: freshetv1.Stage_STAGE_BLIND, Basins: []string{riverBasin}},
			} {
				// In other words than the server's.
				want := map[string][]string{}
				waiting := uint64(0)
				for _, it := range all {
					switch {
					case len(req.GetBasins()) > 0 && !slices.Contains(req.GetBasins(), it.basin):
					case len(req.GetKinds()) > 0 && !slices.Contains(req.GetKinds(), it.out.Kind()):
					case len(req.GetDepartments()) > 0 && !it.everybodys && !slices.ContainsFunc(it.of, func(d hydro.Department) bool {
						return slices.Contains(req.GetDepartments(), wire.FromDepartment(d))
					}):
					case !it.always && wire.FromStage(it.highest) < req.GetMinStage():
					default:
						want[it.basin] = append(want[it.basin], it.id)
						waiting++
					}
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
						for _, id := range []string{m.GetWarning().GetId(), m.GetGroup().GetId(), m.GetDuty().GetId(), m.GetForecastWatch().GetDetail()} {
							if id != "" {
								basin, _, _ := strings.Cut(id, "/")
								got[basin] = append(got[basin], id)
								waiting--
							}
						}
						if m.GetUnseen() != waiting {
							t.Fatalf("%v: %d wait, want %d (%v)", req, m.GetUnseen(), waiting, m)
						}
						if waiting == 0 {
							break
						}
					}
					cancel()
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%v (-want +got):\n%s", req, diff)
				}
			}
		})
	}
}

// A feedItem is one record, and what filters look at.
type feedItem struct {
	out        hydro.Output
	basin, id  string
	of         []hydro.Department
	everybodys bool // whatever departments are asked for
	highest    hydro.Stage
	always     bool // whatever stage is asked for
}

func drawItem(rnd *rand.Rand, cat *catalog.Catalog, stations []string, basin string, i int) feedItem {
	it := feedItem{basin: basin, id: fmt.Sprintf("%s/%d", basin, i)}
	concerns := func() string {
		id := stations[rnd.IntN(len(stations))]
		if st, ok := cat.Station(id); ok {
			it.of = append(it.of, st.Department)
		} else {
			it.everybodys = true
		}
		return id
	}
	stage := func() hydro.Stage { return hydro.Stages[rnd.IntN(len(hydro.Stages))] }
	from, to := stage(), stage()
	it.highest, it.always = max(from, to), from == hydro.Blind || to == hydro.Blind
	switch at := begin.Add(time.Duration(i) * time.Minute); rnd.IntN(5) {
	case 4:
		it.everybodys, it.always = true, true
		it.out.Watch = &hydro.ForecastWatch{Basin: basin, Standing: hydro.ForecastExpired, At: at, Since: at, Detail: it.id, DetailZH: "预报已过期"}
	case 0:
		g := &hydro.GroupChange{ID: it.id, Basin: basin, Kind: hydro.WaveGroup, Event: hydro.GroupRaised, At: at, OpenedAt: at, Stage: from, Highest: to, TextZH: "一次洪水", TextEN: "one wave"}
		for range 1 + rnd.IntN(3) {
			g.Stations = append(g.Stations, hydro.GroupStation{Station: concerns(), Stage: from, Highest: to, JoinedAt: at})
		}
		if g.Count = len(g.Stations); rnd.IntN(4) == 0 {
			g.Count++ // one that is not named
			it.everybodys = true
		}
		it.out.Group = g
	case 1:
		d := &hydro.DutyEvent{ID: it.id, Basin: basin, At: at, Kind: "acknowledged", Stage: to, TextZH: "已确认", TextEN: "acknowledged"}
		it.highest, it.always = to, to == hydro.Blind || to == hydro.Clear
		switch rnd.IntN(3) {
		case 0:
			d.Station = concerns()
		case 1:
			d.By = hydro.Person{Name: "Li", Department: hydro.Weather, Role: "officer"}
			it.of = append(it.of, hydro.Weather)
		case 2:
			it.everybodys = true
		}
		it.out.Duty = d
	default:
		w := feedWarning(basin, i)
		w.ID, w.Station, w.From, w.To = it.id, concerns(), from, to
		if rnd.IntN(5) == 0 {
			w.Cause, it.always = "silent", true
		}
		it.out.Warning = &w
	}
	return it
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
