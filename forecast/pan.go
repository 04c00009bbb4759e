package forecast

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"freshet/forecast/rain"
	"freshet/forecast/xinanjiang"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A pan is the series of an evaporation pan, and who goes by it.
type pan struct {
	series
	subs []string // ids of sub-basins
}

// addPan lets a sub-basin go by the pan that the catalogue names.
func (k *compiler) addPan(sb *catalog.SubBasin, where string, e *evaporation) {
	r := &sb.Runoff
	if r.Pan == "" {
		if r.PanFactor != 0 {
			k.errorf("%s: pan factor %g: there is no pan", where, r.PanFactor)
		}
		return
	}
	if method := cmp.Or(r.Method, catalog.Saturation); method != catalog.Saturation && method != catalog.Xinanjiang {
		k.errorf("%s: pan %q: nothing evaporates by the method %q", where, r.Pan, method)
		return
	}
	s := k.station(r.Pan, where+": pan")
	if s == nil {
		return
	}
	read := k.series(s, hydro.PanEvaporation)
	switch {
	case s.Basin != k.m.basin:
		k.errorf("%s: pan: station %q belongs to basin %q", where, s.ID, s.Basin)
		return
	case read == nil:
		k.errorf("%s: pan: station %q does not report %s", where, s.ID, hydro.PanEvaporation)
		return
	case k.m.settings.Warmup < read.interval:
		k.errorf("%s: pan: station %q reports every %v and the warm-up is %v: want no less, or what a pan says comes too late to count", where, s.ID, read.interval, k.m.settings.Warmup)
		return
	}
	if err := xinanjiang.Params[0].Check(r.PanFactor); err != nil { // K: what evaporates over what the pan says
		k.errorf("%s: pan factor: %w", where, err)
		return
	}
	at := slices.IndexFunc(k.m.pans, func(p pan) bool { return p.key == read.key })
	if at < 0 {
		at = len(k.m.pans)
		k.m.pans = append(k.m.pans, pan{series: *read})
	}
	k.m.pans[at].subs = append(k.m.pans[at].subs, sb.ID)
	e.pan, e.factor = at+1, r.PanFactor
}

// readPans spreads what the pans say over the steps to here.
func (r *run) readPans() {
	r.pans = make([][]float64, len(r.m.pans))
	for i := range r.m.pans {
		p := &r.m.pans[i]
		r.health(&p.series)
		var samples []hydro.Sample
		h := r.obs(p.key)
		if h != nil {
			samples = h.Between(r.start, r.now)
		}
		depth := make([]float64, r.here)
		r.used(rain.Prorate(reports(samples), r.start, r.m.stepMS, r.now, depth))
		r.pans[i] = depth
		r.panNotes(p, h, depth)
	}
}

// panNotes tells where the catalogue's evaporation stands in for a pan: of the
// latest time, and of the time before it that the next run may still compute anew.
func (r *run) panNotes(p *pan, h *hydro.History, depth []float64) {
	instead := "evaporation of sub-basin " + strings.Join(p.subs, ", ") + " is by the catalogue"
	last := len(depth)
	for last > 0 && math.IsNaN(depth[last-1]) {
		last--
	}
	if last < len(depth) {
		if at := lastDepth(h, r.now); at > 0 {
			r.note("pan %s has no usable value since %s: %s from then on", p.key.Station, stamp(at), instead)
		} else {
			r.note("pan %s has no usable value: %s", p.key.Station, instead)
		}
	}
	gaps, first := 0, 0
	for t := last - 1; t >= r.keep; t-- {
		if math.IsNaN(depth[t]) {
			gaps, first = gaps+1, t
		}
	}
	if gaps > 0 {
		r.note("pan %s has no usable value for %.1f h after %s: %s there", p.key.Station, float64(gaps)*r.m.dt/3600, stamp(r.start+int64(first)*r.m.stepMS), instead)
	}
}

// lastDepth returns the instant of the latest usable depth up to now, or 0.
func lastDepth(h *hydro.History, now int64) int64 {
	if h == nil {
		return 0
	}
	for _, s := range slices.Backward(h.Samples) {
		if s.At <= now && s.Quality.Usable() && s.Interval > 0 {
			return s.At
		}
	}
	return 0
}

// pet returns the potential evaporation, mm, of sub-basin i in the step that ends
// at index t: by its pan up to here, if that speaks of the step, else by the
// catalogue.
func (r *run) pet(i, t int) float64 {
	e := &r.m.subs[i].pet
	if e.pan > 0 && t <= r.here {
		if d := r.pans[e.pan-1][t-1]; d == d {
			return e.factor * d
		}
	}
	return e.of(r.instant(t))
}
