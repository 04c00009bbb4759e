package network

import (
	"fmt"
	"slices"

	"freshet/forecast/routing"
)

// A Method routes single reaches, and holds their parameters and state in tree
// order. [routing.MuskingumReaches], [routing.CungeReaches], [routing.MCTReaches]
// and [routing.LagReaches] do.
type Method interface {
	// Len returns the number of reaches.
	Len() int
	// Route replaces the flows q, m³/s, that come to the head of reach k from
	// upstream at the ends of consecutive steps by those at its end, and moves
	// its state along. Lateral is nil or as long as q. Calls for different
	// reaches may run at the same time.
	Route(k int, q, lateral []float64) (routing.Tally, error)
}

// A Diversion takes water at the head of a reach, out of the network.
type Diversion struct {
	Reach  int       // tree position
	Demand []float64 // m³/s, not negative, one for each step of the run, or one for all of it
	Keep   float64   // minimum flow, m³/s: what is left to the river before the diversion takes anything
	Taken  []float64 // if not nil, gets what was taken at the end of each step, m³/s; the rest of Demand went short
}

// A Run is what [Network.Run] is asked to do.
type Run struct {
	// Steps to route, >= 0.
	Steps int
	// Lateral fills q with the inflow along reach k, m³/s, the mean over each of
	// the steps from, from+1, …; less than 0 is a loss. Nil: there is none.
	Lateral func(k, from int, q []float64)
	// Flow is given the flow at the end of reach k, m³/s, at the ends of the steps
	// from, from+1, …; q is only lent. Nil: nobody wants it.
	Flow func(k, from int, q []float64)
	// Diversions, ascending by reach, at most one for each.
	Diversions []Diversion
	// Each calls do for every task from 0 to tasks-1 and returns when all have
	// returned. It may do so in any order and at the same time; Lateral and Flow
	// must then bear calls for different reaches at the same time. Nil: one after
	// the other. The results are the same bit by bit.
	Each func(tasks int, do func(task int))
}

// Options say how a network is cut for the walk. They change no result.
type Options struct {
	Tile     int // steps in a row, 1 to 4096
	Branches int // about how many pieces to cut the network into for Run.Each, 1 to 4096; 1: none
}

// DefaultOptions are good for a few processors.
func DefaultOptions() Options { return Options{Tile: 48, Branches: 32} }

// A Network is a tree with a method. It is not safe for concurrent use.
type Network struct {
	tree   *Tree
	method Method
	tile   int
	parts  []part // branches, then the trunk
	do     func(int)

	run   *Run // while one is under way
	from  int
	width int // steps of the tile at hand
}

// A part is what one goroutine works on: its stack of rows, and what came of it.
type part struct {
	span
	rows    []float64
	lateral []float64
	tally   routing.Tally
	err     error
}

// New returns the network. It fails if the method has not as many reaches as the
// tree or an option is out of range.
func New(t *Tree, m Method, o Options) (*Network, error) {
	switch {
	case t.Len() == 0:
		return nil, fmt.Errorf("network: no reaches")
	case m.Len() != t.Len():
		return nil, fmt.Errorf("network: the method has %d reaches, the tree %d", m.Len(), t.Len())
	case o.Tile < 1 || o.Tile > 4096:
		return nil, fmt.Errorf("network: tile = %d steps: want 1 to 4096", o.Tile)
	case o.Branches < 1 || o.Branches > 4096:
		return nil, fmt.Errorf("network: branches = %d: want 1 to 4096", o.Branches)
	}
	n := &Network{tree: t, method: m, tile: o.Tile}
	if o.Branches > 1 {
		for _, s := range t.branches(t.Len() / o.Branches) {
			n.parts = append(n.parts, part{span: s})
		}
	}
	n.parts = append(n.parts, part{span: span{0, int32(t.Len() - 1)}})
	for i := range n.parts {
		p := &n.parts[i]
		rows := int(slices.Max(t.row[p.lo:p.hi+1])) + 1 // no branch has a row below its end's
		if i < len(n.parts)-1 {
			rows -= int(t.row[p.hi])
		}
		p.rows, p.lateral = make([]float64, rows*o.Tile), make([]float64, o.Tile)
	}
	n.do = n.branch
	return n, nil
}

// Run routes the steps and returns what the solver met. It allocates nothing. It
// fails, wrapping [routing.ErrNoConvergence] where that is why, with the reach at
// which the method does, that of the first branch or of the trunk; the state of
// the method is then of no use. It fails too if a diversion is not as [Diversion]
// asks.
func (n *Network) Run(r *Run) (routing.Tally, error) {
	if err := n.check(r); err != nil {
		return routing.Tally{}, err
	}
	n.run = r
	var total routing.Tally
	branches := len(n.parts) - 1
	for n.from = 0; n.from < r.Steps; n.from += n.tile {
		n.width = min(n.tile, r.Steps-n.from)
		if r.Each != nil && branches > 1 {
			r.Each(branches, n.do)
		} else {
			for i := range branches {
				n.do(i)
			}
		}
		n.do(branches) // the trunk
		for i := range n.parts {
			if err := n.parts[i].err; err != nil {
				return total, fmt.Errorf("network: steps %d to %d: %w", n.from, n.from+n.width-1, err)
			}
			total.Add(n.parts[i].tally)
		}
	}
	n.run = nil
	return total, nil
}

func (n *Network) check(r *Run) error {
	if r.Steps < 0 {
		return fmt.Errorf("network: steps = %d: want >= 0", r.Steps)
	}
	for i := range r.Diversions {
		d := &r.Diversions[i]
		switch {
		case d.Reach < 0 || d.Reach >= n.tree.Len():
			return fmt.Errorf("network: diversion %d: reach %d: there are %d", i, d.Reach, n.tree.Len())
		case i > 0 && d.Reach <= r.Diversions[i-1].Reach:
			return fmt.Errorf("network: diversion %d: reach %d comes after %d: want ascending", i, d.Reach, r.Diversions[i-1].Reach)
		case len(d.Demand) != 1 && len(d.Demand) != r.Steps:
			return fmt.Errorf("network: diversion %d: %d values of demand: want 1 or %d", i, len(d.Demand), r.Steps)
		case d.Taken != nil && len(d.Taken) != r.Steps:
			return fmt.Errorf("network: diversion %d: room for %d values taken: want %d", i, len(d.Taken), r.Steps)
		case !(d.Keep >= 0):
			return fmt.Errorf("network: diversion %d: minimum flow %g m³/s: want >= 0", i, d.Keep)
		}
		for t, v := range d.Demand {
			if !(v >= 0) {
				return fmt.Errorf("network: diversion %d: demand %g m³/s in step %d: want >= 0", i, v, t)
			}
		}
	}
	return nil
}

// branch routes one tile of a branch, or of the trunk, which takes the branches'
// last rows where it meets them.
func (n *Network) branch(i int) {
	p := &n.parts[i]
	p.tally, p.err = routing.Tally{}, nil
	base := n.tree.row[p.hi]
	if i < len(n.parts)-1 {
		n.walk(p, p.lo, p.hi, base)
		return
	}
	at := p.lo
	for b := range n.parts[:i] {
		branch := &n.parts[b]
		if at < branch.lo {
			n.walk(p, at, branch.lo-1, 0)
		}
		n.join(p, branch)
		at = branch.hi + 1
	}
	if at <= p.hi {
		n.walk(p, at, p.hi, 0)
	}
}

// join brings the outflow of a branch into the trunk's rows.
func (n *Network) join(p, branch *part) {
	k := branch.hi
	out := branch.rows[:n.width]
	row := p.row(int(n.tree.row[k]), n)
	if n.tree.flags[k]&first != 0 {
		copy(row, out)
		return
	}
	add(p.row(int(n.tree.row[k])-1, n), out)
}

func (p *part) row(i int, n *Network) []float64 {
	return p.rows[i*n.tile:][:n.width]
}

// walk routes the reaches lo to hi of part p, whose lowest row is base.
func (n *Network) walk(p *part, lo, hi int32, base uint8) {
	t, r := n.tree, n.run
	diversions := r.Diversions
	if len(diversions) > 0 {
		at, _ := slices.BinarySearchFunc(diversions, int(lo), func(d Diversion, k int) int { return d.Reach - k })
		diversions = diversions[at:]
	}
	var lateral []float64
	if r.Lateral != nil {
		lateral = p.lateral[:n.width]
	}
	for k := lo; k <= hi && p.err == nil; k++ {
		q := p.row(int(t.row[k]-base), n)
		if t.flags[k]&head != 0 {
			clear(q)
		}
		if len(diversions) > 0 && diversions[0].Reach == int(k) {
			diversions[0].take(n.from, q)
			diversions = diversions[1:]
		}
		if r.Lateral != nil {
			r.Lateral(int(k), n.from, lateral)
		}
		tally, err := n.method.Route(int(k), q, lateral)
		p.tally.Add(tally)
		if err != nil {
			p.err = err
			return
		}
		if r.Flow != nil {
			r.Flow(int(k), n.from, q)
		}
		if t.flags[k]&first == 0 && k != p.hi {
			add(p.row(int(t.row[k]-base)-1, n), q)
		}
	}
}

func (d *Diversion) take(from int, q []float64) {
	for i, flow := range q {
		demand := d.Demand[0]
		if len(d.Demand) > 1 {
			demand = d.Demand[from+i]
		}
		taken := min(demand, max(flow-d.Keep, 0))
		q[i] = flow - taken
		if d.Taken != nil {
			d.Taken[from+i] = taken
		}
	}
}

func add(sum, q []float64) {
	q = q[:len(sum)]
	for i, v := range q {
		sum[i] += v
	}
}
