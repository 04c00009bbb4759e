package dryrun

import (
	"cmp"
	"slices"
	"time"

	"freshet/alert/callout"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/verify"
)

// A Report is the score of both rules.
type Report struct {
	Basin        string       `json:"basin"`
	From         time.Time    `json:"from"`
	To           time.Time    `json:"to"`
	Recorded     []string     `json:"recorded_catalogues"` // versions, in the order in which they were in force
	Changed      string       `json:"changed_catalogue"`
	Illustrative string       `json:"illustrative,omitempty"`
	Truth        Truth        `json:"truth"`
	FlapHours    float64      `json:"flap_h"`
	NightFrom    string       `json:"night_from"`
	NightTo      string       `json:"night_to"`
	Zone         string       `json:"zone"`
	Inputs       uint64       `json:"inputs"`
	Readings     uint64       `json:"readings"`
	Reproduced   Reproduction `json:"reproduced"`
	Stations     []Station    `json:"stations"` // ascending by id
	People       []Person     `json:"people"`   // ascending by id
	Commands     Commands     `json:"commands"`

	was, tried *catalog.Catalog // for figures
	given      []hydro.Warning  // by the changed rules
}

// A Station is the score of one station's warnings.
type Station struct {
	Station  string `json:"station"`
	NameZH   string `json:"name_zh"`
	NameEN   string `json:"name_en"`
	Observed int    `json:"observed"`  // usable levels and flows
	HeldBack int    `json:"held_back"` // by quality control
	Apart    int    `json:"other_datum"`
	Recorded Score  `json:"recorded"`
	Changed  Score  `json:"changed"`

	levels verify.Record // for figures
}

// A Score is how the warnings of one station were under one of the rules.
type Score struct {
	Warnings int            `json:"warnings"` // all that the station gave, blindness included
	Raised   int            `json:"raised"`
	Lowered  int            `json:"lowered"`
	Flaps    int            `json:"flaps"`
	Blind    int            `json:"went_blind"`
	Stages   []verify.Stage `json:"stages"` // mildest first

	warnings []hydro.Warning
}

// A Person is how often somebody was called at night.
type Person struct {
	Person   string  `json:"person"`
	NameZH   string  `json:"name_zh"`
	NameEN   string  `json:"name_en"`
	Recorded int     `json:"recorded"`
	Changed  int     `json:"changed"`
	Nights   []Night `json:"nights"`
}

// A Night is the calls that began between 22:00 of a day and 07:00 of the next.
type Night struct {
	Evening  string `json:"evening"` // its first day, 2006-01-02
	Recorded int    `json:"recorded"`
	Changed  int    `json:"changed"`
}

const (
	nightFrom = 22 // h, of the basin's zone
	nightTo   = 7
)

// isFirstTry reports whether an event is the first try of a call: the one that
// wakes.
func isFirstTry(d *hydro.DutyEvent) bool { return d.Kind == callout.Due && d.From == "1" }

// evening returns the day on which the night of an instant began; "" by day.
func evening(at time.Time, zone *time.Location) string {
	local := at.In(zone)
	switch h := local.Hour(); {
	case h >= nightFrom:
	case h < nightTo:
		local = local.AddDate(0, 0, -1)
	default:
		return ""
	}
	return local.Format(time.DateOnly)
}

func (p *player) report() (*Report, error) {
	was := p.recorded.engine.Catalog()
	r := &Report{
		Basin: p.opts.Basin, From: p.opts.From, To: p.end(), Recorded: slices.Compact(p.versions), Changed: p.changed.Version,
		Illustrative: cmp.Or(was.Illustrative, p.changed.Illustrative), Truth: p.opts.Truth, FlapHours: p.opts.Flap.Hours(),
		NightFrom: "22:00", NightTo: "07:00", Inputs: p.inputs, Readings: p.readings, Stations: []Station{}, Commands: p.commands,
		was: was, tried: p.changed, given: p.tried.warnings,
	}
	if r.From.Before(p.first) {
		r.From = p.first
	}
	if r.Commands.Named == nil {
		r.Commands.Named = []Command{}
	}
	ids := map[string]bool{}
	for _, c := range []*catalog.Catalog{was, p.changed} {
		for i := range c.Stations {
			if c.Stations[i].Basin == p.opts.Basin {
				ids[c.Stations[i].ID] = true
			}
		}
	}
	sorted := make([]string, 0, len(ids))
	for id := range ids {
		sorted = append(sorted, id)
	}
	slices.Sort(sorted)
	for _, id := range sorted {
		s, some, err := p.station(id, was, r.From, r.To)
		if err != nil {
			return nil, err
		}
		if some {
			r.Stations = append(r.Stations, s)
		}
	}
	b, _ := was.Basin(p.opts.Basin)
	r.Zone = cmp.Or(b.Season.Zone, "Asia/Shanghai")
	zone, err := catalog.ParseZone(r.Zone)
	if err != nil {
		return nil, err
	}
	r.People = p.people(was, zone, r.From, r.To)
	return r, nil
}

// station scores a station; some says that there is anything to be told of it.
func (p *player) station(id string, was *catalog.Catalog, from, to time.Time) (s Station, some bool, err error) {
	s = Station{Station: id}
	old, oldKnown := was.Station(id)
	fresh, freshKnown := p.changed.Station(id)
	named := fresh
	if !freshKnown {
		named = old
	}
	s.NameZH, s.NameEN = named.NameZH, named.NameEN
	side := func(x *side, known bool, c *catalog.Catalog, st *catalog.Station) (Score, error) {
		score := Score{Stages: []verify.Stage{}}
		for _, w := range x.warnings {
			if w.Station == id && !w.At.After(to) {
				score.warnings = append(score.warnings, w)
			}
		}
		score.count(from, p.opts.Flap)
		if !known {
			return score, nil
		}
		thresholds := levels(c, id, from)
		by := map[hydro.Variable]verify.Record{}
		for _, v := range []hydro.Variable{hydro.WaterLevel, hydro.Discharge} {
			by[v], _, _ = p.seen[hydro.Key{Station: id, Variable: v}].record(st, v)
		}
		score.Stages, err = verify.JudgeStages(thresholds, by, score.warnings, from, to, p.opts.Separation)
		return score, err
	}
	// Whose thresholds, and on whose datum.
	truth, of, ofKnown := was, old, oldKnown
	if s.Recorded, err = side(p.recorded, ofKnown, truth, of); err != nil {
		return s, false, err
	}
	if p.opts.Truth == Own || !oldKnown {
		truth, of, ofKnown = p.changed, fresh, freshKnown
	}
	if s.Changed, err = side(p.tried, ofKnown, truth, of); err != nil {
		return s, false, err
	}
	for _, v := range []hydro.Variable{hydro.WaterLevel, hydro.Discharge} {
		st := old
		if !oldKnown {
			st = fresh
		}
		r, held, apart := p.seen[hydro.Key{Station: id, Variable: v}].record(st, v)
		s.Observed, s.HeldBack, s.Apart = s.Observed+len(r.At), s.HeldBack+held, s.Apart+apart
		if v == hydro.WaterLevel {
			s.levels = r
		}
	}
	return s, len(s.Recorded.Stages)+len(s.Changed.Stages)+s.Recorded.Warnings+s.Changed.Warnings > 0, nil
}

// levels are the thresholds of level and discharge of a station, mildest first.
func levels(c *catalog.Catalog, station string, at time.Time) []catalog.Threshold {
	t, ok := c.StageTable(station, at)
	if !ok {
		return nil
	}
	out := slices.DeleteFunc(slices.Clone(t.Thresholds), func(h catalog.Threshold) bool {
		return h.Variable != hydro.WaterLevel && h.Variable != hydro.Discharge
	})
	slices.SortStableFunc(out, func(a, b catalog.Threshold) int { return cmp.Compare(a.Stage, b.Stage) })
	return out
}

// count counts the warnings since from. A flap is a rise whose next change of stage
// is a fall within the time given; sight that comes and goes between them is none.
func (s *Score) count(from time.Time, flap time.Duration) {
	var raised time.Time // of the last rise, if no fall has followed
	for i := range s.warnings {
		w := &s.warnings[i]
		if w.At.Before(from) {
			continue
		}
		s.Warnings++
		switch {
		case w.To == hydro.Blind && w.From != hydro.Blind:
			s.Blind++
		case w.Raised():
			s.Raised++
			raised = w.At
		case w.Lowered():
			s.Lowered++
			if !raised.IsZero() && w.At.Sub(raised) <= flap {
				s.Flaps++
			}
			raised = time.Time{}
		}
	}
}

// people counts whom calls woke, night by night.
func (p *player) people(was *catalog.Catalog, zone *time.Location, from, to time.Time) []Person {
	out := []Person{}
	count := func(calls []hydro.DutyEvent, one func(*Person) *int, night func(*Night) *int) {
		for i := range calls {
			d := &calls[i]
			e := evening(d.At, zone)
			if e == "" || d.At.Before(from) || d.At.After(to) {
				continue
			}
			k, found := slices.BinarySearchFunc(out, d.Person, func(x Person, id string) int { return cmp.Compare(x.Person, id) })
			if !found {
				x := Person{Person: d.Person, Nights: []Night{}}
				for _, c := range []*catalog.Catalog{p.changed, was} {
					if who, ok := c.Contact(d.Person); ok {
						x.NameZH, x.NameEN = who.NameZH, who.NameEN
					}
				}
				out = slices.Insert(out, k, x)
			}
			x := &out[k]
			*one(x)++
			n, found := slices.BinarySearchFunc(x.Nights, e, func(n Night, e string) int { return cmp.Compare(n.Evening, e) })
			if !found {
				x.Nights = slices.Insert(x.Nights, n, Night{Evening: e})
			}
			*night(&x.Nights[n])++
		}
	}
	count(p.recorded.calls, func(x *Person) *int { return &x.Recorded }, func(n *Night) *int { return &n.Recorded })
	count(p.tried.calls, func(x *Person) *int { return &x.Changed }, func(n *Night) *int { return &n.Changed })
	return out
}

// Warnings returns all warnings that the changed rules gave, in order.
func (r *Report) Warnings() []hydro.Warning { return r.given }
