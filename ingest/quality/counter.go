package quality

import (
	"math"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Differences appends to out the rain that the samples of a rain counter from
// the instant at on give, as far as the sample at that instant has a part in it:
// over the interval that ends there, over the one that begins there, and over
// those that failed samples between end. Given for every instant whose sample
// came or changed, the readings in their turn replace what was derived before,
// and what stands in the end does not depend on the order of arrival.
//
// Failed samples do not count. A counter that went down was reset: how much fell
// meanwhile is not known, unless the catalogue says when p goes back to 0 by itself
// in the zone and such an instant lies between the two: what it shows has fallen
// since, over an interval that begins there. For such an interval, for one that a failed sample
// ends, and for one with nothing but failed samples before it, the reading is 0 mm
// with TestCounterReset among its notes; [Check] fails it, so that it takes the
// place of rain derived earlier and neither adds to a sum nor covers time.
//
// The readings are Derived and have the sensor number 0; a caller with several
// counters at a station sets it.
func Differences(station string, p *catalog.Parameter, zone *time.Location, h *hydro.History, at time.Time, out []hydro.Reading) []hydro.Reading {
	i, found := h.Find(at.UnixMilli())
	if !found {
		return out
	}
	next := -1 // the first that counts behind i: what is further off begins there or later
	for k := i; k < len(h.Samples); k++ {
		s := &h.Samples[k]
		if next >= 0 && s.At-h.Samples[next].At >= shortest {
			break
		}
		out = difference(station, p, zone, h.Samples, k, out)
		if k > i && next < 0 && s.Own != hydro.Fail {
			next = k
		}
	}
	return out
}

// shortest is the shortest interval of derived rain, ms. Samples closer together
// are not subtracted from each other but from one further back.
const shortest = 1000

// difference appends the rain of the interval that samples[k] ends, if an earlier
// sample begins it.
func difference(station string, p *catalog.Parameter, zone *time.Location, samples []hydro.Sample, k int, out []hydro.Reading) []hydro.Reading {
	b := &samples[k]
	r := hydro.Reading{
		Key: hydro.Key{Station: station, Variable: hydro.Rain}, At: b.Time(),
		Notes: hydro.TestCounterReset, Derived: true,
	}
	for j := k - 1; j >= 0; j-- {
		a := &samples[j]
		if b.At-a.At < shortest {
			continue
		}
		counted := b.Own != hydro.Fail && a.Own != hydro.Fail
		if counted || r.Interval == 0 {
			r.Interval = time.Duration(b.At-a.At) * time.Millisecond
		}
		if counted && b.Value >= a.Value {
			r.Notes = 0
			r.Raw = math.Round((b.Value-a.Value)*1e6) / 1e6 // counters have at most 0.01 mm: drop the noise of the subtraction
			r.Value = r.Raw
		}
		if counted && b.Value < a.Value && p.Resets.Every != "" {
			if reset, ok := p.Resets.Last(r.At, zone); ok && reset.UnixMilli() >= a.At && b.At-reset.UnixMilli() >= shortest {
				r.Interval, r.Notes = r.At.Sub(reset), 0
				r.Raw, r.Value = b.Value, b.Value
			}
		}
		if counted || b.Own == hydro.Fail {
			break
		}
	}
	if r.Interval == 0 {
		return out
	}
	return append(out, r)
}

// reset reports whether the counter went down since the latest earlier sample
// that did not fail.
func (l *limits) reset(samples []hydro.Sample, i int) bool {
	for k := i - 1; k >= 0; k-- {
		if samples[k].Own != hydro.Fail {
			return samples[i].Value < samples[k].Value
		}
	}
	return false
}
