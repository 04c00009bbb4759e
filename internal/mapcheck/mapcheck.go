// Package mapcheck reads a sample of what a department hands over through a
// [feed.Map] and tells what would become of it: which values the server would
// take and as what, which it would refuse and why, and what is suspicious
// although it would be taken.
//
// What the server would say comes from the server's own [ingest.Normalizer]. The
// memory does not grow with the sample. It is pure: now is an argument.
package mapcheck

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"time"

	"freshet/ingest"
	"freshet/ingest/feed"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Options say how to check.
type Options struct {
	// Catalog holds the stations; nil: the stations, variables and datums of the
	// sample are taken for known, and only the values themselves are judged.
	Catalog *catalog.Catalog
	Rows    int       // how many rows to show
	Now     time.Time // as of which times are in the future or too old
}

// A Report is what became of a sample.
type Report struct {
	Department  string      `json:"department"` // "" if the map does not say
	Catalogue   string      `json:"catalogue,omitempty"`
	Rows        int         `json:"rows"`
	LeftOut     int         `json:"rows_left_out"`  // by the map's where and except
	Unclaimed   int         `json:"rows_unclaimed"` // rows that no column takes
	Accepted    int         `json:"accepted"`       // values
	NotReported int         `json:"not_reported"`   // empty cells, and codes for "no value"
	Refused     int         `json:"refused"`        // values, and rows that are not understood
	From        time.Time   `json:"from,omitzero"`  // of the accepted values
	To          time.Time   `json:"to,omitzero"`
	Reasons     []Count     `json:"reasons"`    // of refusals, the most frequent first
	Suspicions  []Suspicion `json:"suspicions"` // of what would be taken
	Shown       []Value     `json:"shown"`      // of the first rows
}

// OK reports whether values would be taken, none would be refused and nothing is
// suspicious.
func (r *Report) OK() bool { return r.Accepted > 0 && r.Refused == 0 && len(r.Suspicions) == 0 }

// A Count is how often a reason was given.
type Count struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	First  Value  `json:"first"`
}

// A Suspicion is something that would be taken but looks wrong.
type Suspicion struct {
	Kind string `json:"kind"`
	ZH   string `json:"zh"`
	EN   string `json:"en"`
}

// NotReported is the reason of a row whose values are all empty.
const NotReported = "not_reported"

// A Value is one cell: as it would be taken, or with the reason why not.
type Value struct {
	Line     int            `json:"line"`
	Field    string         `json:"column,omitempty"` // its name
	Written  string         `json:"written,omitempty"`
	Named    string         `json:"named,omitempty"`   // the station as the row names it
	Station  string         `json:"station,omitempty"` // Freshet's id
	NameZH   string         `json:"name_zh,omitempty"`
	NameEN   string         `json:"name_en,omitempty"`
	Variable hydro.Variable `json:"-"`
	Sensor   uint8          `json:"sensor,omitempty"`
	Value    float64        `json:"value"` // in the variable's unit, on the station's datum
	At       time.Time      `json:"at,omitzero"`
	Interval time.Duration  `json:"-"`
	Datum    hydro.Datum    `json:"datum,omitempty"` // as declared
	Notes    hydro.Tests    `json:"-"`
	Range    []float64      `json:"outside_range,omitempty"` // the catalogue's, which it is outside
	Reason   string         `json:"reason,omitempty"`        // "": taken
	ZH       string         `json:"zh,omitempty"`
	EN       string         `json:"en,omitempty"`

	VariableName string   `json:"variable,omitempty"`
	Unit         string   `json:"unit,omitempty"`
	IntervalS    int      `json:"interval_s,omitempty"`
	NoteNames    []string `json:"notes,omitempty"`
}

// Check reads a sample of f, a shape of m. The error wraps hydro.ErrInvalid if
// the sample is not what the map says.
func Check(m *feed.Map, f *feed.File, in io.Reader, opts Options) (*Report, error) {
	c := &checker{
		report: &Report{Reasons: []Count{}, Suspicions: []Suspicion{}, Shown: []Value{}},
		opts:   opts, m: m, f: f, counts: map[string]int{}, known: map[hydro.Key]*ingest.Normalizer{},
		suspects: newSuspects(f, opts),
	}
	if d := m.Department(); d != 0 {
		c.report.Department = d.String()
	}
	if opts.Catalog != nil {
		c.report.Catalogue = opts.Catalog.Name
		c.normalizer = ingest.New(opts.Catalog, ingest.Limits{})
	}
	err := f.Read(in, func(r feed.Row) error { c.row(&r); return nil })
	slices.SortStableFunc(c.report.Reasons, func(a, b Count) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Reason, b.Reason)) })
	c.suspects.tell(c.report)
	return c.report, err
}

type checker struct {
	report     *Report
	opts       Options
	m          *feed.Map
	f          *feed.File
	normalizer *ingest.Normalizer               // of the catalogue; nil: there is none
	known      map[hydro.Key]*ingest.Normalizer // of one series each, without a catalogue
	out        ingest.Result
	counts     map[string]int // reason -> 1 + index into Reasons
	suspects   *suspects
}

func (c *checker) row(r *feed.Row) {
	c.report.Rows++
	show := c.report.Rows-c.report.LeftOut <= c.opts.Rows
	switch {
	case r.Filtered:
		c.report.LeftOut++
		return
	case len(r.Raws)+len(r.Problems)+r.Missing == 0:
		c.report.Unclaimed++
	}
	c.report.NotReported += r.Missing
	if show && r.Missing > 0 && len(r.Raws)+len(r.Problems) == 0 {
		c.report.Shown = append(c.report.Shown, Value{Line: r.Line, Reason: NotReported})
	}
	for i := range r.Problems {
		p := &r.Problems[i]
		v := Value{Line: p.Line, Field: p.Field, Written: p.Written, Named: p.Station, Reason: string(p.Reason), EN: p.Message, ZH: problemZH(p)}
		if s := c.station(p.Station); s != nil {
			v.Station, v.NameZH, v.NameEN = s.ID, s.NameZH, s.NameEN
		}
		c.tell(&v, show)
	}
	var taken []Value
	for i := range r.Raws {
		v := c.value(r.Line, &r.Raws[i])
		if v.Reason == "" {
			c.suspects.value(&v)
			taken = append(taken, v)
		}
		c.tell(&v, show)
	}
	c.suspects.row(taken)
}

// tell counts a value, and shows it.
func (c *checker) tell(v *Value, show bool) {
	if v.Variable != 0 {
		v.VariableName, v.Unit = v.Variable.String(), v.Variable.Unit()
	}
	v.IntervalS, v.NoteNames = int(v.Interval/time.Second), v.Notes.Names()
	if show {
		c.report.Shown = append(c.report.Shown, *v)
	}
	switch {
	case v.Reason == "":
		c.report.Accepted++
		if c.report.From.IsZero() || v.At.Before(c.report.From) {
			c.report.From = v.At
		}
		if v.At.After(c.report.To) {
			c.report.To = v.At
		}
		return
	case v.Reason == hydro.MissingValue.String():
		c.report.NotReported++
		c.suspects.refusal(v)
	default:
		c.report.Refused++
		c.suspects.refusal(v)
	}
	i := c.counts[v.Reason]
	if i == 0 {
		c.report.Reasons = append(c.report.Reasons, Count{Reason: v.Reason, First: *v})
		i = len(c.report.Reasons)
		c.counts[v.Reason] = i
	}
	c.report.Reasons[i-1].Count++
}

// value asks the normalizer what it makes of raw.
func (c *checker) value(line int, raw *hydro.Raw) Value {
	v := Value{
		Line: line, Field: raw.Field, Named: raw.Station, Variable: raw.Variable, Sensor: raw.Sensor,
		Value: raw.Value, At: raw.At, Interval: raw.Interval, Datum: raw.Datum,
	}
	s := c.station(raw.Station)
	n, d := c.normalizer, c.m.Department()
	if n == nil {
		n, d = c.alone(raw), cmp.Or(d, hydro.Hydrology)
	} else if s != nil {
		v.Station, v.NameZH, v.NameEN = s.ID, s.NameZH, s.NameEN
		d = cmp.Or(d, s.Department)
	}
	c.out.Rejections = nil // they are kept
	n.Normalize(d, []hydro.Raw{*raw}, c.opts.Now, &c.out)
	if len(c.out.Rejections) > 0 {
		r := &c.out.Rejections[0]
		v.Reason, v.EN, v.ZH = r.Reason.String(), r.Message, refusalZH(r.Reason, raw, s, c.opts.Now)
		return v
	}
	for i := range c.out.Basins {
		for _, r := range c.out.Basins[i].Readings {
			v.Value, v.At, v.Interval, v.Notes = r.Value, r.At, r.Interval, r.Notes
		}
	}
	return v
}

func (c *checker) station(name string) *catalog.Station {
	if c.opts.Catalog == nil || name == "" {
		return nil
	}
	if s, ok := c.m.Station(c.opts.Catalog, name); ok {
		return s
	}
	return nil
}

// maxSeries bounds what is remembered of a sample.
const maxSeries = 10_000

// alone returns the normalizer of a catalogue that knows just the series of raw.
func (c *checker) alone(raw *hydro.Raw) *ingest.Normalizer {
	k := hydro.Key{Station: raw.Station + "\x00" + string(raw.Datum), Variable: raw.Variable, Sensor: raw.Sensor}
	if n := c.known[k]; n != nil {
		return n
	}
	if len(c.known) >= maxSeries {
		clear(c.known)
	}
	n := ingest.New(&catalog.Catalog{Stations: []catalog.Station{{
		ID: raw.Station, Department: cmp.Or(c.m.Department(), hydro.Hydrology),
		Parameters: []catalog.Parameter{{Variable: raw.Variable, Sensor: raw.Sensor}}, Datum: catalog.Datum{Name: raw.Datum},
	}}}, ingest.Limits{})
	c.known[k] = n
	return n
}

// Shape returns the shape of m that a sample of that name has: the only one, or
// the one whose pattern matches.
func Shape(m *feed.Map, name string) (*feed.File, error) {
	if f, ok := m.File(name); ok {
		return f, nil
	}
	if len(m.Files) == 1 {
		return &m.Files[0], nil
	}
	return nil, errors.Join(errors.New("no entry under files has a name or glob that matches "+name), hydro.ErrInvalid)
}
