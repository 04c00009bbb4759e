package forecast

import (
	"math"
	"slices"
	"time"

	"freshet/forecast/rain"
	"freshet/internal/hydro"
)

// A rainStation is a station whose stage tables ask for sums of rain that is forecast.
type rainStation struct {
	id    string
	place rain.Place
	sub   int // index of the sub-basin that it stands in, or next to
}

// addRainStations finds the stations of which [Model.RainAhead] speaks.
func (k *compiler) addRainStations() {
	if len(k.m.subs) == 0 {
		return
	}
	for i := range k.c.Stations { // ascending by id
		s := &k.c.Stations[i]
		if s.Basin != k.m.basin || !k.asksForRain(s.ID) {
			continue
		}
		at, best := rain.Place{Lon: s.Lon, Lat: s.Lat}, math.Inf(1)
		to := rainStation{id: s.ID, place: at}
		for j := range k.m.subs {
			for _, p := range k.m.subs[j].points {
				if d := rain.Distance(at, p); d < best {
					best, to.sub = d, j
				}
			}
		}
		k.m.rainStations = append(k.m.rainStations, to)
	}
}

func (k *compiler) asksForRain(station string) bool {
	for i := range k.c.StageTables {
		if t := &k.c.StageTables[i]; t.Station == station {
			for _, h := range t.Thresholds {
				if h.Variable == hydro.Rain && h.Forecast {
					return true
				}
			}
		}
	}
	return false
}

// RainAhead returns the rain forecast that a run at now takes in the sub-basin of a
// station whose stage tables ask for it: of cells that of the one that the station
// stands in, else that of the sub-basin. It is false where the run uses none, or the one that
// it uses does not speak of that place. The values are shared, not to be changed.
func (m *Model) RainAhead(a Ahead, now time.Time, station string) (hydro.RainAhead, bool) {
	i := slices.IndexFunc(m.rainStations, func(s rainStation) bool { return s.id == station })
	if i < 0 {
		return hydro.RainAhead{}, false
	}
	used := m.rainOf(a, now, m.rainStations[i].sub)
	if used < 0 {
		return hydro.RainAhead{}, false
	}
	f := &a.Rain[used]
	var values []float64
	if at := slices.IndexFunc(f.Stations, func(b SubBasinRain) bool { return b.ID == station }); at >= 0 {
		values = f.Stations[at].Rain
	}
	if sub := m.rainStations[i].sub; values == nil && sub < len(f.SubBasins) {
		values = f.SubBasins[sub].Rain
	}
	if values == nil {
		return hydro.RainAhead{}, false
	}
	return hydro.RainAhead{Source: f.Source, IssuedAt: f.IssuedAt, From: f.From, Step: f.Step, Rain: values}, true
}
