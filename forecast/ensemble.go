package forecast

import (
	"fmt"
	"slices"
	"time"

	"freshet/forecast/band"
	"freshet/forecast/rain"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// An ensemble is the members by which a run is computed beside itself.
type ensemble struct {
	members int                     // 0: none
	rain    func(int) [][]float64   // of a member, mm per step and sub-basin from here on; nil: none is forecast
	soil    []float64               // factor of a member's soil water at here; nil: as it is
	name    func(member int) string // of what its rain is
}

// ensemble returns the stations' forecasts by each member of the rain ahead and of
// the soil at now; nil if there is no ensemble. ofRain says that the rain's members differ.
func (r *run) ensemble(used *Rain) (members [][]hydro.StationForecast, ofRain bool, err error) {
	e := r.rains(used)
	ofRain = e.members > 0
	if cv := r.m.settings.InitialSpread; cv > 0 && used != nil { // soil on which no rain falls gives no flow
		of := max(1, e.members)
		n := (rainFactors + of - 1) / of * of // each rain as often as the others
		factors := make([]float64, n)
		band.Multipliers(cv, factors)
		e.soil = make([]float64, n)
		for i, rank := range apart(n) {
			e.soil[i] = factors[rank]
		}
		if rain := e.rain; n > of { // rains follow their order, so that neighbours have one
			e.rain = func(i int) [][]float64 { return rain(i * of / n) }
			name := e.name
			e.name = func(i int) string { return name(i * of / n) }
		}
		e.members = n
		r.basis += fmt.Sprintf("; soil water now times %d factors, coefficient of variation %g", n, cv)
	}
	if e.members == 0 {
		return nil, false, nil
	}
	members, err = r.members(&e)
	return members, ofRain, err
}

// rains says what rain the members have, and what the bands rest on.
func (r *run) rains(used *Rain) ensemble {
	m := r.m
	if used == nil {
		r.basis = basisDry
		return ensemble{}
	}
	r.basis = basisRained
	if m.told > m.leads {
		r.basis += fmt.Sprintf(basisWider, (time.Duration(m.leads) * m.bandStep).Hours())
	}
	switch {
	case used.Members > 0:
		r.basis += fmt.Sprintf("; %d rain member", used.Members)
		if used.Members > 1 {
			r.basis += "s"
		}
		return ensemble{members: used.Members, rain: func(i int) [][]float64 {
			member := used.Member(i)
			return r.spread(&member)
		}, name: func(i int) string { return fmt.Sprintf("member %d of the rain forecast of %s", i+1, used.Source) }}
	case len(m.settings.RainSpread) > 0:
		r.basis += "; " + spreadBasis(m.settings.RainSpread)
		at := r.rainFactors(used.IssuedAt)
		return ensemble{members: rainFactors, rain: func(i int) [][]float64 {
			times := make([][]float64, len(r.ahead))
			for j, ahead := range r.ahead {
				for t, v := range ahead {
					times[j] = append(times[j], at[t][i]*v)
				}
			}
			return times
		}, name: func(i int) string {
			return fmt.Sprintf("rain forecast of %s times factor %d of %d", used.Source, i+1, rainFactors)
		}}
	}
	return ensemble{rain: func(int) [][]float64 { return r.ahead }, name: func(int) string { return "rain forecast of " + used.Source }}
}

// rainFactors returns the factors of the rain of each step behind here. A member has
// the same rank among them at each lead: a forecast that errs keeps erring.
func (r *run) rainFactors(issued time.Time) []*[rainFactors]float64 {
	spreads := r.m.settings.RainSpread
	by := make([][rainFactors]float64, len(spreads))
	for k, s := range spreads {
		band.Multipliers(s.CV, by[k][:])
		for i := range by[k] {
			by[k][i] *= s.Mean
		}
	}
	out := make([]*[rainFactors]float64, r.end-r.here)
	for t := range out {
		lead := r.instant(r.here + t + 1).Sub(issued)
		k := slices.IndexFunc(spreads, func(s catalog.RainSpread) bool { return s.To == 0 || lead <= s.To })
		if k < 0 {
			k = len(spreads) - 1
		}
		out[t] = &by[k]
	}
	return out
}

func spreadBasis(spreads []catalog.RainSpread) string {
	if s := spreads[0]; len(spreads) == 1 && s.Mean == 1 {
		return fmt.Sprintf("rain forecast times %d factors, coefficient of variation %g", rainFactors, s.CV)
	}
	low, high, least, most := spreads[0].CV, spreads[0].CV, spreads[0].Mean, spreads[0].Mean
	for _, s := range spreads[1:] {
		low, high, least, most = min(low, s.CV), max(high, s.CV), min(least, s.Mean), max(most, s.Mean)
	}
	return fmt.Sprintf("rain forecast times %d factors by lead, coefficient of variation %g to %g, mean %g to %g", rainFactors, low, high, least, most)
}

// spread returns a rain forecast on the steps behind here, mm per sub-basin.
func (r *run) spread(f *Rain) [][]float64 {
	out := make([][]float64, len(r.m.subs))
	for i := range out {
		if f.SubBasins[i].Rain == nil {
			continue
		}
		out[i] = make([]float64, r.end-r.here)
		rain.Spread(f.SubBasins[i].Rain, f.From.UnixMilli(), f.Step.Milliseconds(), r.start+int64(r.here)*r.m.stepMS, r.m.stepMS, out[i])
	}
	return out
}

// apart returns the ranks 0 to n-1 in an order that hangs on the ranks of what stands
// in order as little as may be: every k-th, from where they correlate least, k near
// n over the golden ratio (a lattice of rank 1).
func apart(n int) []int {
	const golden = 0.6180339887498949
	k := max(1, int(golden*float64(n)))
	for common(k, n) > 1 {
		k++
	}
	best, least := 0, n*n*n
	for from := range n {
		sum := 0
		for i := range n {
			sum += (2*i - n + 1) * (2*((from+i*k)%n) - n + 1) / 4
		}
		if sum = max(sum, -sum); sum < least {
			best, least = from, sum
		}
	}
	out := make([]int, n)
	for i := range out {
		out[i] = (best + i*k) % n
	}
	return out
}

func common(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

// members returns the stations' forecasts by each member, from here on. Of several
// that fail the first tells why.
func (r *run) members(e *ensemble) ([][]hydro.StationForecast, error) {
	m, water, now := r.m, r.markAt(r.here).state, time.UnixMilli(r.now).UTC()
	out, errs := make([][]hydro.StationForecast, e.members), make([]error, e.members)
	m.beside(len(out), func(i int) {
		from := water
		if e.soil != nil {
			from.SubBasins = m.moistened(water.SubBasins, e.soil[i])
		}
		out[i], errs[i] = m.project(from, now, r.obs, e.rain(i), r.schedules, m.told)
	})
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.name(i), err)
		}
	}
	return out, nil
}

// moistened returns sub-basins whose soil holds its tension water and its free water
// times a factor, as far as it can. What is on its way to the river already stays as it
// is: of that the gauge below tells.
func (m *Model) moistened(all []SubBasinState, factor float64) []SubBasinState {
	out := slices.Clone(all)
	for i := range out {
		s, ok := m.subs[i].ground.(soil)
		if !ok {
			continue
		}
		switch held, room := s.tension(&out[i]); {
		case factor <= 1:
			s.moisten(&out[i], factor-1)
		case room > 0:
			s.moisten(&out[i], min(1, (factor-1)*held/room))
		}
		if x, ok := s.(threeSources); ok {
			w := &out[i].Xinanjiang
			w.Free = min(factor*w.Free, max(w.Free, x.MostFree(*w)))
		}
	}
	return out
}
