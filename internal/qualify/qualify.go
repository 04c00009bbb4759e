// Package qualify plays recorded readings through quality control, as the engine
// would see them, and counts what it said against what is known of them: the
// confusion tables of `freshet quality check`.
package qualify

import (
	"cmp"
	"slices"
	"time"

	"freshet/ingest/quality"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/replay"
)

// remembered is how long readings stay in memory, as in the engine.
const remembered = 96 * time.Hour

// between is how far the ticks are apart on which series are compared. What stands
// in the end hangs on the readings alone, not on the ticks; few of them are fast.
const between = 12 * time.Hour

// A Verdict is what stood of one reading in the end.
type Verdict struct {
	Observation hydro.Observation
	Label       string // what is known of it; "" if nothing is
}

// Judge plays readings, ascending by time, in the order of their instants, each
// received as it was taken, and returns what quality control said of each series
// in the end, ascending by instant.
func Judge(cat *catalog.Catalog, readings []replay.Reading) map[hydro.Key][]Verdict {
	desks := make([]*desk, 0, len(cat.Basins))
	of := map[string]*desk{}
	for i := range cat.Basins {
		d := newDesk(cat, cat.Basins[i].ID)
		desks, of[d.basin] = append(desks, d), d
	}
	for i := 0; i < len(readings); {
		first := readings[i].At.Truncate(between)
		last := first
		for ; i < len(readings) && readings[i].At.Truncate(between).Equal(first); i++ {
			last = readings[i].At
			if st, ok := cat.Station(readings[i].Station); ok {
				of[st.Basin].take(st, readings[i])
			}
		}
		for _, d := range desks {
			d.tick(last)
		}
	}
	out := map[hydro.Key][]Verdict{}
	for _, d := range desks {
		for i, held := range d.held {
			if len(held) > 0 {
				out[d.net.Key(i)] = held
			}
		}
	}
	return out
}

// A desk is the quality control of one basin.
type desk struct {
	basin string
	net   *quality.Network
	all   []quality.Series
	held  [][]Verdict // by slot, ascending by instant
	rain  []hydro.Reading
	obs   []hydro.Observation
	memo  quality.Memo
}

func newDesk(cat *catalog.Catalog, basin string) *desk {
	d := &desk{basin: basin, net: quality.NewNetwork(cat, basin)}
	d.held = make([][]Verdict, d.net.Len())
	d.all = make([]quality.Series, d.net.Len())
	for i := range d.all {
		d.all[i] = quality.Series{History: &hydro.History{}, Changed: &quality.Hours{}}
	}
	return d
}

func (d *desk) take(st *catalog.Station, x replay.Reading) {
	p, ok := st.Parameter(x.Variable, x.Sensor)
	if !ok {
		return
	}
	r := hydro.Reading{Key: x.Key, At: x.At, Interval: x.Interval, Raw: x.Value, Value: x.Value, Datum: x.Datum}
	if len(d.check(st, &p, r)) == 0 || x.Variable != hydro.RainCounter {
		return
	}
	d.rain = quality.Differences(st.ID, &p, st.Location(), d.all[d.net.Slot(x.Key)].History, r.At, d.rain[:0])
	for _, rain := range d.rain {
		rain.Sensor = x.Sensor
		d.check(st, quality.FollowingRain(st, &p), rain)
	}
}

func (d *desk) check(st *catalog.Station, p *catalog.Parameter, r hydro.Reading) []hydro.Observation {
	x := &d.all[d.net.Slot(r.Key)]
	x.Datum = r.Datum
	d.obs = quality.Check(p, st.Kind, x.History, r, r.At, d.obs[:0])
	for i := range d.obs {
		x.Changed.Add(d.obs[i].At.UnixMilli())
	}
	d.hold(d.obs)
	return d.obs
}

func (d *desk) tick(now time.Time) {
	before := now.Add(-remembered).UnixMilli()
	for i := range d.all {
		d.all[i].History.Prune(before)
	}
	d.obs = d.net.Judge(d.all, before, &d.memo, d.obs[:0])
	d.hold(d.obs)
}

func (d *desk) hold(obs []hydro.Observation) {
	for i := range obs {
		held := &d.held[d.net.Slot(obs[i].Key)]
		if n := len(*held); n == 0 || (*held)[n-1].Observation.At.Before(obs[i].At) {
			*held = append(*held, Verdict{Observation: obs[i]})
			continue
		}
		k, found := slices.BinarySearchFunc(*held, obs[i].At, func(v Verdict, at time.Time) int { return v.Observation.At.Compare(at) })
		if found {
			(*held)[k].Observation = obs[i]
		} else {
			*held = slices.Insert(*held, k, Verdict{Observation: obs[i]})
		}
	}
}

// A Count is one line of a confusion table: how the readings of one label fared.
type Count struct {
	Variable     string         `json:"variable"`
	Label        string         `json:"label"`
	Readings     int            `json:"readings"`
	Pass         int            `json:"pass"`
	NotEvaluated int            `json:"not_evaluated"`
	Suspect      int            `json:"suspect"`
	Fail         int            `json:"fail"`
	Missing      int            `json:"missing"` // rows of that label without a value
	Tests        map[string]int `json:"tests"`   // how often each test fired or noted something
}

// Noticed returns the share of the readings of a label that quality control held
// back.
func (c *Count) Noticed() float64 {
	if c.Readings == 0 {
		return 0
	}
	return float64(c.Suspect+c.Fail) / float64(c.Readings)
}

// A Report is a confusion table, ascending by variable, then by label.
type Report struct {
	Catalog  string        `json:"catalog"`
	Stations int           `json:"stations"`
	From     time.Time     `json:"from"`
	To       time.Time     `json:"to"`
	Counts   []Count       `json:"counts"`
	Held     []HeldBack    `json:"held_back"` // the first of those held back, by series and time
	Series   []SeriesCount `json:"series"`
}

// A SeriesCount says how the readings of one series fared.
type SeriesCount struct {
	Series   string `json:"series"`
	Readings int    `json:"readings"`
	Suspect  int    `json:"suspect"`
	Fail     int    `json:"fail"`
}

// A HeldBack is a reading that forecasts would not use, with the reason.
type HeldBack struct {
	Series  string    `json:"series"`
	At      time.Time `json:"at"`
	Value   float64   `json:"value"`
	Quality string    `json:"quality"`
	QARTOD  uint32    `json:"qartod_flag"`
	CMA     uint32    `json:"cma_code"`
	Label   string    `json:"label"`
	Why     string    `json:"why"`
}

// maxHeld is how many readings that are held back a report lists.
const maxHeld = 200

// Run judges readings and counts the verdicts by label.
func Run(cat *catalog.Catalog, readings []replay.Reading, labels *Labels) Report {
	r := Report{Catalog: cat.Name}
	verdicts := Judge(cat, readings)
	counts := map[[2]string]*Count{}
	count := func(v hydro.Variable, label string) *Count {
		k := [2]string{v.String(), label}
		if counts[k] == nil {
			counts[k] = &Count{Variable: k[0], Label: label, Tests: map[string]int{}}
		}
		return counts[k]
	}
	keys := make([]hydro.Key, 0, len(verdicts))
	for k := range verdicts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b hydro.Key) int {
		return cmp.Or(cmp.Compare(a.Station, b.Station), cmp.Compare(a.Variable, b.Variable), cmp.Compare(a.Sensor, b.Sensor))
	})
	stations := map[string]bool{}
	for _, k := range keys {
		stations[k.Station] = true
		series := SeriesCount{Series: k.String()}
		for i := range verdicts[k] {
			v := &verdicts[k][i]
			o := &v.Observation
			v.Label = labels.of(o)
			if r.From.IsZero() || o.At.Before(r.From) {
				r.From = o.At
			}
			if o.At.After(r.To) {
				r.To = o.At
			}
			c := count(k.Variable, v.Label)
			c.Readings++
			series.Readings++
			switch o.Quality {
			case hydro.Pass:
				c.Pass++
			case hydro.NotEvaluated:
				c.NotEvaluated++
			case hydro.Suspect:
				c.Suspect++
				series.Suspect++
			case hydro.Fail:
				c.Fail++
				series.Fail++
			}
			for _, name := range o.Tests.Names() {
				c.Tests[name]++
			}
			if !o.Quality.Usable() && len(r.Held) < maxHeld {
				r.Held = append(r.Held, HeldBack{k.String(), o.At, o.Value, o.Quality.String(), o.Quality.QARTOD(), o.Quality.CMA(), v.Label, o.Why})
			}
		}
		r.Series = append(r.Series, series)
	}
	for k, n := range labels.missing(verdicts) {
		count(k.variable, k.label).Missing += n
	}
	r.Stations = len(stations)
	for _, c := range counts {
		r.Counts = append(r.Counts, *c)
	}
	slices.SortFunc(r.Counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Variable, b.Variable), cmp.Compare(a.Label, b.Label))
	})
	return r
}
