package forecast

import (
	"math"
	"slices"
	"time"

	"freshet/forecast/updating"
	"freshet/internal/catalog"
)

// lossTold is the lasting loss or gain, as a share, from which on a forecast
// names it.
const lossTold = 0.1

// addCorrectors gives each gauge its corrector. Where no river arrives, what is
// computed is runoff and base flow: its volume is no matter of a loss on the way,
// nor its timing of one of travel, and so neither is learnt.
func (k *compiler) addCorrectors() {
	arrives := make([]bool, len(k.m.nodes))
	for i := range k.m.reaches {
		arrives[k.m.reaches[i].to] = true
	}
	for i := range k.m.nodes {
		n := &k.m.nodes[i]
		all := n.updating == catalog.NoUpdating
		if g := n.gauge; g != nil {
			if g.updates && all {
				g.updates = false
				k.note("updating is switched off at %s: its gauge corrects nothing", g.station)
			}
			if g.updates {
				k.switchedOff(g.station, n.updating)
			}
			g.apart = n.updating.NoInsertion
			g.corrector = k.corrector(n.updating, arrives[i])
		}
		if v := n.reservoir; v != nil {
			v.updates = !all
			v.corrector = k.corrector(n.updating, false)
		}
	}
}

// switchedOff tells what parts of updating are off at a station.
func (k *compiler) switchedOff(station string, u catalog.Updating) {
	for _, part := range []struct {
		off  bool
		what string
	}{
		{u.NoInsertion, "what it observes does not run on downstream"},
		{u.NoLoss, "no lasting loss is learnt"},
		{u.NoLag, "no lasting error of timing is learnt"},
		{u.NoFit, "its error fades as the settings say, whatever the past says"},
		{u.NoError, "its error is not carried into the forecast"},
	} {
		if part.off {
			k.note("updating at %s is switched off in part: %s", station, part.what)
		}
	}
}

func (k *compiler) corrector(u catalog.Updating, arrives bool) *updating.Corrector {
	c, err := updating.NewCorrector(k.m.settings.ErrorHalfLife.Seconds(), k.m.dt, updating.Parts{
		NoInsertion: u.NoInsertion, NoLoss: u.NoLoss || !arrives, NoLag: u.NoLag || !arrives, NoFit: u.NoFit, NoError: u.NoError,
	})
	if err != nil {
		k.errs = append(k.errs, err)
	}
	return c
}

// An Updated is what updating has learnt at one gauge.
type Updated struct {
	Station string
	At      time.Time // of the state: what came later is not in it
	updating.Report
	Moisture Moisture // of the sub-basins that drain to the gauge
}

// Updating reports what updating has learnt at each gauge that corrects the
// flow, upstream first. Nothing is known by a state that does not fit the model.
func (m *Model) Updating(s State) []Updated {
	fits := m.fits(s)
	var out []Updated
	for i := range m.nodes {
		g := m.nodes[i].gauge
		if g == nil || !g.updates {
			continue
		}
		var e updating.Error
		if fits {
			e = s.Nodes[i].Error
		}
		u := Updated{Station: g.station, At: s.At, Report: g.corrector.Report(&e)}
		if j := slices.IndexFunc(m.moist, func(a moisture) bool { return a.node == i }); j >= 0 {
			u.Moisture.On = true
			if fits {
				u.Moisture = s.Moisture[j].Last
				u.Moisture.On = true
			}
		}
		out = append(out, u)
	}
	return out
}

// lossNote names a marked lasting loss or gain.
func (r *run) lossNote(g *gauge, e *updating.Error) {
	l := g.corrector.Loss(e)
	switch {
	case l.Off || math.Abs(l.Share) < lossTold:
	case !l.Applied:
		r.note("at %s the observed flow is %.0f %% of the computed one: too far off for a lasting loss, none is applied", g.station, 100*(1-l.Share))
	case l.Share > 0:
		r.note("at %s %.0f %% of the computed flow (%.3g m³/s) lastingly does not arrive: taken off", g.station, 100*l.Share, l.Flow)
	default:
		r.note("at %s %.0f %% more than the computed flow (%.3g m³/s) lastingly arrives: added", g.station, -100*l.Share, -l.Flow)
	}
}

// lagNote names a lasting error of timing of at least a step.
func (r *run) lagNote(g *gauge, e *updating.Error) {
	l := g.corrector.Lag(e)
	s := math.Abs(l.Seconds)
	if l.Off || s < r.m.dt {
		return
	}
	when := "earlier"
	if l.Seconds < 0 {
		when = "later"
	}
	if !l.Applied {
		r.note("at %s the wave lastingly comes %.1f h %s than computed: too far off for a lasting error of timing, none is applied", g.station, s/3600, when)
		return
	}
	r.note("at %s the wave lastingly comes %.1f h %s than computed: shifted", g.station, s/3600, when)
}
