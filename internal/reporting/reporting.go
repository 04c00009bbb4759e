// Package reporting decides which stations are asked to report faster 加报: where
// a station stands at a stage that the basin's settings name, it, its site and the
// stations below it on the network are asked for shorter intervals, until the
// stage has fallen.
//
// It is pure: [Rules] are compiled from a catalogue, [State] goes in and comes
// out, and time is an argument. Stages rise and fall by alert's own dwell, so
// that there is none here. A request holds for [Lease] and is renewed when half of
// that is over: a withdrawal that is lost costs no more than the rest.
package reporting

import (
	"cmp"
	"slices"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const (
	// Lease is how long a request holds unless it is renewed.
	Lease = 30 * time.Minute
	// blindHold is how long a station that went blind at a stage goes on to ask: the
	// river has not fallen because nobody sees it.
	blindHold = 24 * time.Hour
)

// State is all that the rules remember. It is a plain value, made to be stored.
type State struct {
	Requests []hydro.RateRequest // in force, ascending by station
	Asking   []Asking            // ascending by station
}

// An Asking is a station whose stage asks.
type Asking struct {
	Station string
	Stage   hydro.Stage // that it stood at when it was last seen
	Seen    time.Time   // when it last stood at such a stage
}

// A Standing is where a station stands.
type Standing struct {
	Station string
	Stage   hydro.Stage
}

// Rules say who is asked.
type Rules struct {
	faster  catalog.ReportFaster
	targets map[string][]string // by the station that asks, itself included; only looked up
}

// Compile reads the basin's part of c.
func Compile(c *catalog.Catalog, basin string) *Rules {
	b, ok := c.Basin(basin)
	if !ok || b.Settings.ReportFaster.From == hydro.Clear {
		return &Rules{}
	}
	r := &Rules{faster: b.Settings.ReportFaster, targets: map[string][]string{}}
	n := network{c: c, b: b, at: map[string][]string{}, nodes: map[string][]string{}}
	n.place()
	var all []string
	for i := range c.Stations {
		if st := &c.Stations[i]; st.Basin == basin {
			all = append(all, st.ID)
		}
	}
	for _, id := range all {
		targets := all
		if !r.faster.Basin {
			targets = n.below(id)
		}
		r.targets[id] = slices.DeleteFunc(slices.Clone(targets), func(id string) bool { return !slower(c, id, basin, r.faster.Every) })
	}
	return r
}

// slower reports whether a station of the basin has anything that it reports more
// seldom than every so often.
func slower(c *catalog.Catalog, id, basin string, every time.Duration) bool {
	st, ok := c.Station(id)
	return ok && st.Basin == basin && slices.ContainsFunc(st.Parameters, func(p catalog.Parameter) bool { return p.Interval > every })
}

// A network knows which stations stand at which nodes.
type network struct {
	c     *catalog.Catalog
	b     *catalog.Basin
	at    map[string][]string // stations by node
	nodes map[string][]string // nodes by station
}

// place puts gauges and reservoirs at their nodes, and rain stations that a
// sub-basin names at the node that it drains to: what they tell arrives there, but
// nobody asks them because of the river.
func (n *network) place() {
	for i := range n.b.Nodes {
		d := &n.b.Nodes[i]
		var ids []string
		if d.Gauge != "" {
			ids = append(ids, d.Gauge)
		}
		for j := range n.b.Reservoirs {
			if res := &n.b.Reservoirs[j]; res.Node == d.ID && res.Station != "" {
				ids = append(ids, res.Station)
			}
		}
		for _, id := range ids {
			for _, mate := range n.mates(id) {
				n.at[d.ID] = append(n.at[d.ID], mate)
				n.nodes[mate] = append(n.nodes[mate], d.ID)
			}
		}
	}
	for i := range n.b.SubBasins {
		for _, id := range n.b.SubBasins[i].Gauges {
			n.nodes[id] = append(n.nodes[id], n.b.SubBasins[i].Node)
		}
	}
}

// mates are the stations at a station's site, itself included.
func (n *network) mates(id string) []string {
	st, ok := n.c.Station(id)
	if !ok || st.Site == "" {
		return []string{id}
	}
	for i := range n.c.Sites {
		if n.c.Sites[i].ID == st.Site {
			return n.c.Sites[i].Stations
		}
	}
	return []string{id}
}

// below returns a station, its site and the stations at its nodes and downstream
// of them, ascending.
func (n *network) below(id string) []string {
	out := slices.Clone(n.mates(id))
	down := map[string]string{}
	for i := range n.b.Nodes {
		down[n.b.Nodes[i].ID] = n.b.Nodes[i].Downstream
	}
	for _, node := range n.nodes[id] {
		for ; node != ""; node = down[node] {
			out = append(out, n.at[node]...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// On reports whether any stage asks for anything.
func (r *Rules) On() bool { return r.faster.From != hydro.Clear }

// Evaluate decides at now from where stations stand, ascending by station. It
// returns the new state, and the requests that began, were renewed or are
// withdrawn, ascending by station. It does not write to the memory behind s.
func (r *Rules) Evaluate(s State, standing []Standing, now time.Time) (State, []hydro.RateRequest) {
	var next State
	if r.On() {
		next.Asking = r.asking(s.Asking, standing, now)
	}
	wanted := map[string]Asking{} // by the station that is asked; only looked up
	var asked []string
	for _, a := range next.Asking {
		for _, id := range r.targets[a.Station] {
			held, ok := wanted[id]
			if !ok {
				asked = append(asked, id)
			}
			if !ok || a.Stage > held.Stage { // the highest stage is the reason
				wanted[id] = a
			}
		}
	}
	slices.Sort(asked)
	var changes []hydro.RateRequest
	old := s.Requests
	withdraw := func(q hydro.RateRequest) {
		q.Every, q.Until = 0, now
		changes = append(changes, q)
	}
	for _, id := range asked {
		for len(old) > 0 && old[0].Station < id {
			withdraw(old[0])
			old = old[1:]
		}
		a := wanted[id]
		q := hydro.RateRequest{Station: id, Every: r.faster.Every, Since: now, Until: now.Add(Lease), Cause: a.Station, Stage: a.Stage}
		if len(old) > 0 && old[0].Station == id {
			if held := old[0]; held.Every == q.Every && held.Until.Sub(now) >= Lease/2 {
				next.Requests = append(next.Requests, held)
				old = old[1:]
				continue
			}
			q.Since = old[0].Since
			old = old[1:]
		}
		next.Requests = append(next.Requests, q)
		changes = append(changes, q)
	}
	for _, q := range old {
		withdraw(q)
	}
	return next, changes
}

// asking returns the stations whose stage asks. One that went blind there goes on
// for blindHold.
func (r *Rules) asking(old []Asking, standing []Standing, now time.Time) []Asking {
	var out []Asking
	for _, st := range standing {
		switch {
		case st.Stage == hydro.Blind:
			i, found := slices.BinarySearchFunc(old, st.Station, func(a Asking, id string) int { return cmp.Compare(a.Station, id) })
			if found && now.Sub(old[i].Seen) <= blindHold {
				out = append(out, old[i])
			}
		case st.Stage >= r.faster.From:
			out = append(out, Asking{st.Station, st.Stage, now})
		}
	}
	return out
}
