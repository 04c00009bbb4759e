package forecast_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/forecast"
	"freshet/forecast/updating"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// errorsByLead are root mean square errors, m³/s, by lead in hours less one and
// by gauge.
type errorsByLead [24][4]float64

// A part is a share of the record, by the time of issue.
type part struct {
	name            string
	from, to        time.Time
	on, off, steady errorsByLead // updated, from the uppermost gauge alone, persistence
}

// byLead issues a forecast each hour and compares all leads with the record,
// apart for each part. Hidden gauges are kept from the forecast. It returns the
// last forecast and state.
func byLead(t testing.TB, m *forecast.Model, r *record, parts []part, which func(*part) *errorsByLead, hidden ...string) (hydro.Forecast, forecast.State) {
	t.Helper()
	f := newFeeder(r, colorado)
	source := func(k hydro.Key) *hydro.History {
		if slices.Contains(hidden, k.Station) {
			return nil
		}
		return f.source(k)
	}
	index := map[time.Time]int{}
	for i, at := range r.at {
		index[at] = i
	}
	n := make([]float64, len(parts))
	s := m.Start(r.at[0])
	var fc hydro.Forecast
	for now := r.at[0]; !now.Add(24 * time.Hour).After(r.at[len(r.at)-1]); now = now.Add(time.Hour) {
		f.until(now)
		fc, s = run(t, m, s, now, source)
		for i := range parts {
			p := &parts[i]
			if now.Before(p.from) || !now.Before(p.to) {
				continue
			}
			n[i]++
			for g := range 4 {
				sf := station(t, fc, colorado[g])
				for lead := range 24 {
					at, ok := index[now.Add(time.Duration(lead+1)*time.Hour)]
					if !ok {
						t.Fatalf("the record has no %s", now.Add(time.Duration(lead+1)*time.Hour))
					}
					e := sf.Discharge[(lead+1)*int(time.Hour/fc.Step)-1] - r.q[g][at]
					which(p)[lead][g] += e * e
					e = r.q[g][index[now]] - r.q[g][at]
					p.steady[lead][g] += e * e
				}
			}
		}
	}
	for i := range parts {
		for lead := range 24 {
			for g := range 4 {
				which(&parts[i])[lead][g] = math.Sqrt(which(&parts[i])[lead][g] / n[i])
				parts[i].steady[lead][g] = math.Sqrt(parts[i].steady[lead][g] / n[i])
			}
		}
	}
	return fc, s
}

// withoutDiversion is the shipped catalogue without what it says of the
// diversions above Columbus.
func withoutDiversion(t testing.TB) *catalog.Catalog {
	c := lowerColorado(t)
	for i := range c.Basins[0].Nodes {
		c.Basins[0].Nodes[i].Diversion = catalog.Diversion{}
	}
	return c
}

// travel is the lag, h, at which each gauge's hydrograph agrees best with that of
// the gauge above it.
var travel = [4]float64{0, 11, 15.5, 21.5}

// Off is a run that sees the uppermost gauge alone. What is learnt is learnt
// online, so that each forecast of either part was made from the time before
// it; the routing parameters were fitted on the first part.
func TestUpdatingBeatsARunWithoutItAndPersistence(t *testing.T) {
	r := lowerColoradoRecord(t)
	t.Run("diversions not in the catalogue", func(t *testing.T) {
		fc, columbus := updatingByLead(t, withoutDiversion(t), r)
		if l := columbus.Loss; !l.Applied || l.Share < 0.2 || l.Share > 0.3 {
			t.Errorf("Columbus: loss %+v, want the quarter that the record shows", l)
		}
		if !slices.ContainsFunc(fc.Notes, func(n string) bool {
			return strings.HasPrefix(n, "at columbus 2") && strings.Contains(n, "lastingly does not arrive: taken off")
		}) {
			t.Errorf("notes %q do not tell of the loss at Columbus", fc.Notes)
		}
	})
	t.Run("as shipped", func(t *testing.T) {
		if _, columbus := updatingByLead(t, lowerColorado(t), r); math.Abs(columbus.Loss.Share) > 0.1 {
			t.Errorf("Columbus: loss %+v beside the diversions of the catalogue", columbus.Loss)
		}
	})
}

func updatingByLead(t *testing.T, c *catalog.Catalog, r *record) (hydro.Forecast, updating.Report) {
	t.Helper()
	m := compile(t, c)
	held := time.Date(2020, 6, 11, 0, 0, 0, 0, time.UTC)
	parts := []part{{name: "fit", from: r.at[0].Add(48 * time.Hour), to: held}, {name: "check", from: held, to: r.at[len(r.at)-1]}}
	byLead(t, m, r, parts, func(p *part) *errorsByLead { return &p.off }, colorado[1:]...)
	for i := range parts {
		parts[i].steady = errorsByLead{}
	}
	fc, s := byLead(t, m, r, parts, func(p *part) *errorsByLead { return &p.on })
	for i := range parts {
		p := &parts[i]
		var b strings.Builder
		fmt.Fprintf(&b, "%s part: root mean square error, m³/s: updating on, off, persistence\n lead  %-22s%-22s%s\n", p.name, gaugeNames[1], gaugeNames[2], gaugeNames[3])
		for lead := range 24 {
			fmt.Fprintf(&b, "%3d h", lead+1)
			for g := 1; g < 4; g++ {
				on, off, steady := p.on[lead][g], p.off[lead][g], p.steady[lead][g]
				fmt.Fprintf(&b, "  %6.3f %6.3f %6.3f", on, off, steady)
				if on >= off || float64(lead+1) <= travel[g] && on >= steady {
					t.Errorf("%s at %d h: %.3f m³/s with updating, %.3f without, %.3f by persistence", gaugeNames[g], lead+1, on, off, steady)
				}
			}
			b.WriteByte('\n')
		}
		t.Log(b.String())
	}
	var columbus updating.Report
	for _, u := range m.Updating(s) {
		t.Logf("%s: loss %.3f (%.2f m³/s, applied %v), lag %.2f h (applied %v), left at 1, 6, 12, 24 h: %.2f %.2f %.2f %.2f", u.Station, u.Loss.Share, u.Loss.Flow, u.Loss.Applied, u.Lag.Seconds/3600, u.Lag.Applied, u.Left[0], u.Left[5], u.Left[11], u.Left[23])
		shifted := slices.ContainsFunc(fc.Notes, func(n string) bool {
			return strings.HasPrefix(n, "at "+u.Station+" the wave lastingly comes ") && strings.HasSuffix(n, ": shifted")
		})
		if want := u.Lag.Applied && math.Abs(u.Lag.Seconds) >= c.Basins[0].Settings.Step.Seconds(); shifted != want {
			t.Errorf("%s: lag %+v, told %t: %q", u.Station, u.Lag, shifted, fc.Notes)
		}
		if u.Station == "columbus" {
			columbus = u.Report
		} else if u.Loss.Applied && math.Abs(u.Loss.Share) > 0.05 {
			t.Errorf("%s: a loss of %.3f where none is", u.Station, u.Loss.Share)
		}
	}
	return fc, columbus
}

// set switches parts of the updating off at a node of c.
func set(c *catalog.Catalog, node string, u catalog.Updating) *catalog.Catalog {
	for i := range c.Basins[0].Nodes {
		if c.Basins[0].Nodes[i].ID == node {
			c.Basins[0].Nodes[i].Updating = u
		}
	}
	return c
}

func TestUpdatingCanBeSwitchedOffAndSeen(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0)
	forecastOf := func(c *catalog.Catalog) (hydro.Forecast, []forecast.Updated) {
		m := compile(t, c)
		f, next := run(t, m, m.Start(t0), t0, b.source)
		return f, m.Updating(next)
	}
	on, told := forecastOf(small())
	if len(told) != 2 || told[0].Station != "up" || told[1].Station != "mid" || !told[0].Off.NoLoss || told[1].Off.NoLoss {
		t.Errorf("told %+v; want up, where no river arrives and no loss is learnt, and mid", told)
	}
	hidden := book{}
	for k, h := range b {
		if k.Station != "mid" {
			hidden[k] = h
		}
	}
	unseen := func() hydro.Forecast {
		m := compile(t, small())
		f, _ := run(t, m, m.Start(t0), t0, hidden.source)
		return f
	}()
	t.Run("off", func(t *testing.T) {
		f, told := forecastOf(set(small(), "mid", catalog.NoUpdating))
		s := station(t, f, "mid")
		if s.Updated || !station(t, on, "mid").Updated {
			t.Error("the forecast does not tell whether its gauge corrected it")
		}
		if !slices.Equal(s.Discharge, station(t, unseen, "mid").Discharge) {
			t.Error("a gauge that is switched off corrects the forecast")
		}
		if !slices.Contains(f.Notes, "updating is switched off at mid: its gauge corrects nothing") {
			t.Errorf("notes %q", f.Notes)
		}
		if len(told) != 1 {
			t.Errorf("told %+v", told)
		}
		if slices.Equal(station(t, f, "sea").Discharge, station(t, on, "sea").Discharge) {
			t.Error("what is switched off at mid still runs on to the sea")
		}
	})
	t.Run("off for the basin", func(t *testing.T) {
		c := small()
		c.Basins[0].Settings.Updating = catalog.NoUpdating
		f, told := forecastOf(c)
		if len(told) != 0 {
			t.Errorf("told %+v", told)
		}
		for _, s := range f.Stations {
			if s.Station != "dam" && s.Updated {
				t.Errorf("%s is updated", s.Station)
			}
		}
	})
	t.Run("without insertion", func(t *testing.T) {
		f, _ := forecastOf(set(small(), "mid", catalog.Updating{NoInsertion: true}))
		if !slices.Equal(station(t, f, "mid").Discharge, station(t, on, "mid").Discharge) {
			t.Error("the forecast at the gauge itself must be corrected as before")
		}
		if !slices.Equal(station(t, f, "sea").Discharge, station(t, unseen, "sea").Discharge) {
			t.Error("the correction runs on to the sea")
		}
	})
	t.Run("without error", func(t *testing.T) {
		f, _ := forecastOf(set(small(), "mid", catalog.Updating{NoError: true}))
		s := station(t, f, "mid")
		if s.NowDischarge != station(t, on, "mid").NowDischarge || slices.Equal(s.Discharge, station(t, on, "mid").Discharge) {
			t.Error("now the observed flow must stand, and then no error be carried")
		}
	})
	t.Run("each part is named", func(t *testing.T) {
		f, _ := forecastOf(set(small(), "mid", catalog.Updating{NoInsertion: true, NoLoss: true, NoLag: true, NoFit: true}))
		named := 0
		for _, n := range f.Notes {
			if strings.HasPrefix(n, "updating at mid is switched off in part: ") {
				named++
			} else if strings.Contains(n, "switched off") {
				t.Errorf("note %q", n)
			}
		}
		if named != 4 {
			t.Errorf("%d parts are named of 4: %q", named, f.Notes)
		}
	})
}

func TestAnAddedLossIsTakenOffOnlyWhereARiverArrives(t *testing.T) {
	from := t0.Add(-24 * time.Hour)
	b := book{}
	wave := func(at time.Time) float64 { return 60 + 30*math.Sin(2*math.Pi*at.Sub(t0).Hours()/24) }
	end := t0.Add(6 * 24 * time.Hour)
	b.fill("up", hydro.Discharge, from, end, wave)
	c := small()
	c.Basins[0].Nodes[2].Rating = ""
	c.Stations[1].Parameters = append(c.Stations[1].Parameters, catalog.Parameter{Variable: hydro.Discharge, Interval: every5})
	// What arrives at mid: 3 h later, and a third of it is taken on the way.
	b.fill("mid", hydro.Discharge, from, end, func(at time.Time) float64 { return (wave(at.Add(-3*time.Hour)) + 15) * 2 / 3 })
	m := compile(t, c)
	s := m.Start(t0)
	var f hydro.Forecast
	for now := t0; !now.After(end); now = now.Add(6 * time.Hour) {
		f, s = run(t, m, s, now, b.source)
	}
	for _, u := range m.Updating(s) {
		switch {
		case u.Station == "mid" && (math.Abs(u.Loss.Share-1.0/3) > 0.03 || !u.Loss.Applied):
			t.Errorf("mid: %+v, want a third", u.Loss)
		case u.Station == "up" && u.Loss.Applied:
			t.Errorf("up: %+v, where no river arrives", u.Loss)
		}
	}
	if !slices.ContainsFunc(f.Notes, func(n string) bool { return strings.Contains(n, "at mid 3") }) {
		t.Errorf("notes %q", f.Notes)
	}
}

// What a gauge says is worth no more than its rating: beyond the measured range the
// flow that corrects the rivers is a guess, also when the level is back within it.
func TestAFlowBeyondItsRatingIsToldWhereItCorrects(t *testing.T) {
	m := compile(t, small())
	now := t0.Add(24 * time.Hour)
	for _, crest := range []float64{7.9, 8.5} { // measured up to 8 m
		obs := storm(t0, now)
		obs.fill("mid", hydro.WaterLevel, now.Add(-4*time.Hour), now.Add(-3*time.Hour), constant(crest))
		f, _ := run(t, m, m.Start(t0), now, obs.source)
		note := "flow at mid is of levels outside the rating's measured range 0 to 8 m: what it corrects, here and below, is extrapolated"
		if got := slices.Contains(f.Notes, note); got != (crest > 8) {
			t.Errorf("crest %g m: told %t: %q", crest, got, f.Notes)
		}
		if got := station(t, f, "mid").Extrapolated; got != (crest > 8) {
			t.Errorf("crest %g m: extrapolated %t", crest, got)
		}
		if zh := f.HonestyZH(); strings.Contains(zh, "mid流量由超出水位流量关系实测范围（0至8 m）的水位推求") != (crest > 8) {
			t.Errorf("crest %g m: %s", crest, zh)
		}
	}
}
