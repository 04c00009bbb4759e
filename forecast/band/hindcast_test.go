package band_test

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"freshet/forecast/band"
	"freshet/forecast/runoff"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/updating"
)

// A catchment is the record of airgr_flashy, hourly.
type catchment struct {
	at      []time.Time
	rain, q []float64   // mm, m³/s
	pet     [13]float64 // mm/d, mean of each month before 2006
}

const (
	area  = 920.0             // km²
	perMM = area * 1e3 / 3600 // m³/s of 1 mm in an hour
)

func flashy(t testing.TB) *catchment {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "airgr_flashy", "airgr_L0123003_hourly_2004_2006.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	c := &catchment{}
	var n [13]float64
	for _, row := range rows[1:] {
		at, err := time.Parse("2006-01-02T15:04", row[0])
		if err != nil {
			t.Fatal(err)
		}
		var v [3]float64
		for i := range v {
			if v[i], err = strconv.ParseFloat(row[1+i], 64); err != nil {
				t.Fatal(err)
			}
		}
		c.at, c.rain, c.q = append(c.at, at), append(c.rain, v[0]), append(c.q, v[2])
		if at.Year() < 2006 {
			c.pet[at.Month()] += v[1] * 24
			n[at.Month()]++
		}
	}
	for i := range c.pet {
		c.pet[i] /= max(1, n[i])
	}
	return c
}

// A model is runoff and unit hydrograph of the catchment, a model for each month.
type model struct {
	months [13]runoff.Model
	uh     unithydrograph.Hydrograph
}

type parameters struct{ wm, b, evaporation, baseShare, baseHours, n, k float64 }

func newModel(c *catchment, p parameters) (*model, error) {
	m := &model{}
	for i := 1; i <= 12; i++ {
		var err error
		if m.months[i], err = runoff.New(runoff.Parameters{Capacity: p.wm, Exponent: p.b, Evaporation: p.evaporation * c.pet[i], BaseShare: p.baseShare, BaseRecession: p.baseHours * 3600}, 3600); err != nil {
			return nil, err
		}
	}
	var err error
	m.uh, err = unithydrograph.Nash(p.n, p.k*3600, 3600)
	return m, err
}

// run computes the flow, m³/s, from the first hour on.
func (m *model) run(c *catchment, wm float64, keep func(i int, s runoff.State)) []float64 {
	flow := make([]float64, len(c.q)+len(m.uh))
	s := runoff.State{Tension: 0.8 * wm}
	for i, p := range c.rain {
		var f runoff.Flux
		s, f = m.months[c.at[i].Month()].Step(s, p)
		flow[i] += f.Slow * perMM
		m.uh.Add(flow[i:], f.Fast*perMM)
		if keep != nil {
			keep(i, s)
		}
	}
	return flow[:len(c.q)]
}

func nse(c *catchment, sim []float64, from, to time.Time) float64 {
	mean, n := 0.0, 0.0
	for i, q := range c.q {
		if !c.at[i].Before(from) && c.at[i].Before(to) {
			mean, n = mean+q, n+1
		}
	}
	mean /= n
	e, v := 0.0, 0.0
	for i, q := range c.q {
		if !c.at[i].Before(from) && c.at[i].Before(to) {
			e += (q - sim[i]) * (q - sim[i])
			v += (q - mean) * (q - mean)
		}
	}
	return 1 - e/v
}

func date(y int, m time.Month) time.Time { return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC) }

// fitted on 2004-11 to 2005-12 by coordinate search, NSE 0.850 there and 0.752 in
// 2006. The exponent stands at its bound: one layer and one bucket are a coarse
// model of this catchment, and a band has something to do.
var fitted = parameters{wm: 718.8838, b: 5, evaporation: 2.326157, baseShare: 0.435602, baseHours: 205.8916, n: 1.310952, k: 14.05518}

const leads = 24

// A hindcast is the forecasts issued at each hour, at each lead from 1 h on, and
// the hours from which on they are trained and tested.
type hindcast struct {
	c           *catchment
	perfect     [][]float64 // with the rain that fell
	dry         [][]float64 // with no rain from now on
	train, test int
}

func newHindcast(t testing.TB) *hindcast {
	t.Helper()
	c := flashy(t)
	m, err := newModel(c, fitted)
	if err != nil {
		t.Fatal(err)
	}
	// As in the composed model where no river arrives.
	corrector, err := updating.NewCorrector(6*3600, 3600, updating.Parts{NoLoss: true, NoLag: true})
	if err != nil {
		t.Fatal(err)
	}
	h := &hindcast{c: c}
	sim := m.run(c, fitted.wm, nil)
	fit, check := nse(c, sim, date(2004, 11), date(2006, 1)), nse(c, sim, date(2006, 1), date(2007, 1))
	t.Logf("NSE of the model without updating: %.3f where it was fitted, %.3f in 2006", fit, check)
	if fit < 0.84 || check < 0.74 {
		t.Errorf("NSE %.3f and %.3f: this is not the model that was fitted", fit, check)
	}
	var e updating.Error
	s := runoff.State{Tension: 0.8 * fitted.wm}
	pending := make([]float64, len(m.uh)+1)
	flow := make([]float64, 1)
	for i, p := range c.rain {
		var f runoff.Flux
		s, f = m.months[c.at[i].Month()].Step(s, p)
		pending[len(pending)-1] = 0
		m.uh.Add(pending, f.Fast*perMM)
		copy(pending, pending[1:]) // now starts at what the next hour will have
		e = corrector.Correct(e, sim[i:i+1], c.q[i:i+1], flow)
		perfect, dry := make([]float64, leads), make([]float64, leads)
		if i+leads < len(sim) {
			corrector.Carry(e, sim[i+1:i+1+leads], perfect)
		} else {
			perfect = nil
		}
		store := s
		for lead := range dry {
			store, f = m.months[c.at[i].Month()].Step(store, 0)
			dry[lead] = f.Slow * perMM
			if lead < len(pending)-1 {
				dry[lead] += pending[lead]
			}
		}
		corrector.Carry(e, dry, dry)
		h.perfect, h.dry = append(h.perfect, perfect), append(h.dry, dry)
		if c.at[i].Before(date(2004, 11)) {
			h.train = i + 1
		}
		if c.at[i].Before(date(2006, 1)) {
			h.test = i + 1
		}
	}
	return h
}

// coverage is the share of the observations of the test within the bands of 50,
// 80 and 90 %, by lead, and of those 10 % that are highest within that of 80 %.
type coverage struct{ half, eighty, ninety, high, width, frozen, pinball float64 }

func (h *hindcast) cover(t testing.TB, m band.Model, forecasts [][]float64) []coverage {
	t.Helper()
	s := m.Start()
	var stopped band.State
	// What is learnt before 2006 alone: with next to no gain nothing more is learnt.
	still, err := band.New(band.Parameters{Leads: leads, Offset: 1, Gain: 1e-9})
	if err != nil {
		t.Fatal(err)
	}
	bands := make([]band.Band, leads)
	out := make([]coverage, leads)
	sorted := slices.Clone(h.c.q[h.test:])
	slices.Sort(sorted)
	high := sorted[len(sorted)*9/10]
	n, nHigh := 0.0, make([]float64, leads)
	for i := h.train; i < len(h.c.q)-leads; i++ {
		m.Step(&s, h.c.q[i], forecasts[i])
		if i < h.test {
			if i == h.test-1 {
				stopped = s.Clone()
			}
			continue
		}
		n++
		still.Step(&stopped, h.c.q[i], forecasts[i])
		still.Quantiles(&stopped, forecasts[i:i+1], bands)
		for lead := range bands {
			if q, b := h.c.q[i+1+lead], &bands[lead].Quantile; q >= b[1] && q <= b[5] {
				out[lead].frozen++
			}
		}
		m.Quantiles(&s, forecasts[i:i+1], bands)
		for lead := range bands {
			q, b := h.c.q[i+1+lead], &bands[lead].Quantile
			within := func(low, high int) float64 {
				if q >= b[low] && q <= b[high] {
					return 1
				}
				return 0
			}
			o := &out[lead]
			o.half += within(2, 4)
			o.eighty += within(1, 5)
			o.ninety += within(0, 6)
			o.width += b[5] - b[1]
			for j, p := range band.Levels {
				if q >= b[j] {
					o.pinball += 2 * p * (q - b[j]) / 7
				} else {
					o.pinball += 2 * (1 - p) * (b[j] - q) / 7
				}
			}
			if q >= high {
				o.high += within(1, 5)
				nHigh[lead]++
			}
		}
	}
	for lead := range out {
		o := &out[lead]
		o.half, o.eighty, o.ninety, o.width = o.half/n, o.eighty/n, o.ninety/n, o.width/n
		o.frozen /= n
		o.pinball /= n
		o.high /= nHigh[lead]
	}
	return out
}

func TestTheBandHoldsWhatItSays(t *testing.T) {
	h := newHindcast(t)
	m, err := band.New(band.Parameters{Leads: leads, Offset: 1, Gain: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []struct {
		name      string
		forecasts [][]float64
	}{{"perfect rain", h.perfect}, {"no further rain", h.dry}} {
		var b strings.Builder
		fmt.Fprintf(&b, "%s: share of 2006 within the bands of 50, 80, 90 %%; of its highest tenth within 80 %%; mean width of 80 %%, m³/s; share within 80 %% if nothing is learnt in 2006\n", kind.name)
		for lead, o := range h.cover(t, m, kind.forecasts) {
			fmt.Fprintf(&b, "%3d h  %.3f  %.3f  %.3f  %.3f  %5.2f  %.3f  %.3f\n", lead+1, o.half, o.eighty, o.ninety, o.high, o.width, o.frozen, o.pinball)
			if o.eighty < 0.75 || o.eighty > 0.85 {
				t.Errorf("%s: at %d h the band of 80 %% holds %.1f %%", kind.name, lead+1, 100*o.eighty)
			}
		}
		t.Log(b.String())
	}
}

// 2006 has 14 crossings of the lower threshold and 5 of the higher, too few to
// judge a probability by; what they say of it is printed. With the rain known, it
// must at least be better than the year's mean.
func TestCrossingsAreTold(t *testing.T) {
	h := newHindcast(t)
	m, err := band.New(band.Parameters{Leads: leads, Offset: 1, Gain: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	past := slices.Clone(h.c.q[h.train:h.test])
	slices.Sort(past)
	by, worst := make([]float64, leads), make([]float64, 1)
	for _, share := range []float64{0.9, 0.97} {
		threshold := past[int(share*float64(len(past)))]
		for _, kind := range []struct {
			name      string
			forecasts [][]float64
			skill     float64
		}{{"perfect rain", h.perfect, 0}, {"no further rain", h.dry, math.Inf(-1)}} {
			s := m.Start()
			var said, happened, count [5]float64
			brier, n, events, early, late := 0.0, 0.0, 0.0, 0.0, 0.0
			for i := h.train; i < len(h.c.q)-leads; i++ {
				m.Step(&s, h.c.q[i], kind.forecasts[i])
				if i < h.test || h.c.q[i] >= threshold {
					continue
				}
				c := m.Cross(&s, h.c.q[i], kind.forecasts[i:i+1], threshold, by, worst)
				at := slices.IndexFunc(h.c.q[i+1:i+1+leads], func(q float64) bool { return q >= threshold })
				event := 0.0
				if at >= 0 {
					event = 1
					events++
					if c.Probability > 0 && float64(at+1) < c.Lead[1] {
						early++
					}
					if c.Probability > 0 && float64(at) > c.Lead[5] {
						late++
					}
				}
				k := min(4, int(5*c.Probability))
				said[k], happened[k], count[k] = said[k]+c.Probability, happened[k]+event, count[k]+1
				brier += (c.Probability - event) * (c.Probability - event)
				n++
			}
			rate := events / n
			skill := 1 - brier/(n*rate*(1-rate))
			t.Logf("%s, %.0f m³/s, %.0f crossings in %.0f forecasts: Brier skill %.3f; earlier than the 10 %% time %.3f, later than the 90 %% time %.3f of them", kind.name, threshold, events, n, skill, early/events, late/events)
			total := 0.0
			for k := range said {
				total += said[k]
				t.Logf("  said %.2f, happened %.2f, of %.0f", said[k]/max(1, count[k]), happened[k]/max(1, count[k]), count[k])
			}
			t.Logf("  said in all %.0f, happened %.0f", total, events)
			if skill <= kind.skill {
				t.Errorf("%s, %.0f m³/s: Brier skill %.3f, want more than %g", kind.name, threshold, skill, kind.skill)
			}
		}
	}
}
