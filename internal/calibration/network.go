package calibration

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"freshet/forecast/network"
	"freshet/forecast/param"
	"freshet/forecast/routing"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/replay"
)

// A Network is reaches with channels, and what joins along each.
type Network struct {
	Tree     *network.Tree
	Channels []routing.Channel // in tree order
	Filled   int               // cells of lateral inflow without a value that were taken for 0

	ids     []string // in tree order
	lateral *Record  // m³/s by reach's id, the mean of the step that ends at its time
}

// channelColumns are those of the table of reaches, as the National Water Model's
// RouteLink names them: m where it is a length.
var channelColumns = []string{"link", "to", "Length", "So", "BtmWdth", "TopWdth", "TopWdthCC", "ChSlp", "n", "nCC"}

// ReadNetwork reads a table of reaches and their lateral inflow, m³/s, a column for
// each reach. Zeros says that a cell of lateral inflow without a value is 0: else
// it is refused. Errors are as those of [Read].
func ReadNetwork(reaches string, lateral Source, zeros bool) (*Network, error) {
	data, err := os.ReadFile(reaches)
	if err != nil {
		return nil, fmt.Errorf("--network: %w: %w", err, hydro.ErrInvalid)
	}
	ids, to, channels, err := readReaches(filepath.Base(reaches), data)
	if err != nil {
		return nil, err
	}
	index := map[string]int{}
	for i, id := range ids {
		index[id] = i
	}
	downstream := make([]int, len(ids))
	for i := range downstream {
		downstream[i] = -1
		if d, ok := index[to[i]]; ok {
			downstream[i] = d
		}
	}
	n := &Network{}
	if n.Tree, err = network.NewTree(downstream); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", filepath.Base(reaches), err, hydro.ErrInvalid)
	}
	n.ids, n.Channels = network.Arrange(n.Tree, ids), network.Arrange(n.Tree, channels)
	if lateral.File == "" {
		return nil, fmt.Errorf("--network-lateral is needed beside --network: a column of m³/s for each reach: %w", hydro.ErrInvalid)
	}
	lateral.Columns = map[string]string{timeRole: cmp.Or(lateral.Columns[timeRole], timeRole)}
	if n.lateral, err = Read(lateral, ids, nil); err != nil {
		return nil, fmt.Errorf("--network-lateral: %w", err)
	}
	for _, id := range ids {
		for i, v := range n.lateral.series[id] {
			switch {
			case !math.IsNaN(v):
			case zeros:
				n.lateral.series[id][i] = 0
				n.Filled++
			default:
				return nil, fmt.Errorf("%s: reach %s has no value at %s: mend it, or say --lateral-zeros if that means 0: %w", n.lateral.Name, id, stamp(n.lateral.At(i), n.lateral.Zone), hydro.ErrInvalid)
			}
		}
	}
	return n, nil
}

// Position returns the tree position of a reach, -1 if there is none of that id.
func (n *Network) Position(id string) int { return slices.Index(n.ids, id) }

// Lateral returns what joins along the reach at a tree position, m³/s, by the steps
// of the table.
func (n *Network) Lateral(k int) []float64 { return n.lateral.series[n.ids[k]] }

func readReaches(name string, data []byte) (ids, to []string, channels []routing.Channel, err error) {
	rows := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	rows.TrimLeadingSpace = true
	header, err := rows.Read()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: no header: %w: %w", name, err, hydro.ErrInvalid)
	}
	column := map[string]int{}
	for _, want := range channelColumns {
		if column[want] = slices.Index(header, want); column[want] < 0 {
			return nil, nil, nil, replay.Problems{{File: name, Line: 1, Column: 1, Message: fmt.Sprintf("there is no column %q; the header has %s", want, strings.Join(header, ", "))}}
		}
	}
	var problems replay.Problems
	seen := map[string]bool{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w: %w", name, err, hydro.ErrInvalid)
		}
		fail := func(of, says string) {
			line, at := rows.FieldPos(column[of])
			problems = append(problems, catalog.Problem{File: name, Line: line, Column: at, Message: of + ": " + says})
		}
		get := func(of string) float64 {
			v, err := strconv.ParseFloat(strings.TrimSpace(row[column[of]]), 64)
			if err != nil {
				fail(of, fmt.Sprintf("%q is no number", row[column[of]]))
			}
			return v
		}
		id := strings.TrimSpace(row[column["link"]])
		if id == "" || seen[id] {
			fail("link", fmt.Sprintf("%q is empty or given twice", id))
		}
		seen[id] = true
		c := routing.Channel{
			Length: get("Length"), Slope: get("So"), Bottom: get("BtmWdth"), Top: get("TopWdth"), Compound: get("TopWdthCC"),
			Side: get("ChSlp"), N: get("n"), NCompound: get("nCC"),
		}
		if len(problems) == 0 {
			if _, err := routing.NewCunge(c, 300); err != nil {
				fail("link", id+": "+err.Error())
			}
		}
		ids, to, channels = append(ids, id), append(to, strings.TrimSpace(row[column["to"]])), append(channels, c)
	}
	switch {
	case len(problems) > 0:
		return nil, nil, nil, problems[:min(len(problems), 20)]
	case len(ids) == 0:
		return nil, nil, nil, fmt.Errorf("%s: holds no reach: %w", name, hydro.ErrInvalid)
	}
	return ids, to, channels, nil
}

// The factors by which all channels of a network are changed together.
var (
	nFactor     = param.Param{Name: "n_factor", Unit: "–", Lo: 0.01, Hi: 100, Doc: "times n of all channels", Sought: param.Sought{Lo: 0.3, Hi: 3, Log: true}}
	plainFactor = param.Param{Name: "n_compound_factor", Unit: "–", Lo: 0.01, Hi: 100, Doc: "times n_compound of all flood plains", Sought: param.Sought{Lo: 0.3, Hi: 3, Log: true}}
	widthFactor = param.Param{Name: "width_factor", Unit: "–", Lo: 0.01, Hi: 100, Doc: "times all three widths of all channels, and with them the bank-full depth", Sought: param.Sought{Lo: 0.3, Hi: 3, Log: true}}
)

// scaled returns the channels by the factors of n, n_compound and width.
func (n *Network) scaled(x []float64) []routing.Channel {
	out := slices.Clone(n.Channels)
	for i := range out {
		c := &out[i]
		c.N, c.NCompound = c.N*x[0], c.NCompound*x[1]
		c.Bottom, c.Top, c.Compound = c.Bottom*x[2], c.Top*x[2], c.Compound*x[2]
	}
	return out
}

// wholeNetwork looks for the factors of the channels of a network, by the flow at the
// end of one of its reaches. It begins each period with the lateral inflow of its
// first step flowing for long.
func wholeNetwork(r *Record, o *Options) (*model, error) {
	m := &model{
		parameters: []parameter{within(nFactor, "n_factor", 0), within(plainFactor, "n_compound_factor", 0), within(widthFactor, "width_factor", 0)},
		given:      []float64{1, 1, 1},
	}
	n := o.Network
	if n == nil {
		return nil, fmt.Errorf("--network is needed: a table of reaches with %s: %w", strings.Join(channelColumns, ", "), hydro.ErrInvalid)
	}
	id := cmp.Or(o.Source.Columns[Flow], Flow)
	outlet := n.Position(id)
	if outlet < 0 {
		return nil, fmt.Errorf("--column flow=%s: the network has no reach of this id: name the reach at whose end the flow was observed: %w", id, hydro.ErrInvalid)
	}
	step := cmp.Or(o.RoutingStep, 5*time.Minute)
	if step < time.Second || r.Step%step != 0 {
		return nil, fmt.Errorf("--routing-step %s: the step of the data, %s, is no whole number of it: %w", step, r.Step, hydro.ErrInvalid)
	}
	l := n.lateral
	shift := int(r.Start.Sub(l.Start) / l.Step)
	if l.Step != r.Step || !l.At(shift).Equal(r.Start) || shift < 0 || shift+r.N > l.N {
		return nil, fmt.Errorf("%s has %d steps of %s from %s, %s has %d of %s from %s: want lateral inflow at each time of the flow: %w",
			l.Name, l.N, l.Step, stamp(l.Start, l.Zone), r.Name, r.N, r.Step, stamp(r.Start, r.Zone), hydro.ErrInvalid)
	}
	up := routing.Current
	if o.ShortStep {
		up = routing.Previous
	}
	per, dt := int(r.Step/step), step.Seconds()
	lateral := make([][]float64, n.Tree.Len())
	for k := range lateral {
		lateral[k] = n.Lateral(k)[shift:]
	}
	m.simulate = func(x []float64, from, to int, out []float64) error {
		channels := n.scaled(x)
		for k := range channels {
			if err := channels[k].CheckStep(dt); err != nil {
				return fmt.Errorf("reach %s: %w: take a longer --routing-step", n.ids[k], err)
			}
		}
		method, err := routing.NewCungeReaches(channels, dt, up)
		if err != nil {
			return err
		}
		local := make([]float64, len(channels))
		for k := range local {
			local[k] = lateral[k][from]
		}
		for k, q := range n.Tree.Accumulate(local) {
			if err := method.SetSteady(k, max(q-local[k], 0), q); err != nil {
				return err
			}
			if k == outlet {
				out[from] = q
			}
		}
		net, err := network.New(n.Tree, method, network.DefaultOptions())
		if err != nil {
			return err
		}
		_, err = net.Run(&network.Run{
			Steps: (to - from - 1) * per,
			Lateral: func(k, first int, q []float64) {
				for i := range q {
					q[i] = lateral[k][from+(first+i)/per+1]
				}
			},
			Flow: func(k, first int, q []float64) {
				for i, v := range q {
					if t := first + i + 1; k == outlet && t%per == 0 {
						out[from+t/per] = v
					}
				}
			},
		})
		return err
	}
	m.fragment = func(b *strings.Builder, _ string, x []float64) {
		fmt.Fprintf(b, "# All channels together: n times %s, n_compound times %s, widths times %s; routed in steps of %s, flow at the end of reach %s.\n", number(x[0]), number(x[1]), number(x[2]), step, id)
		fmt.Fprint(b, "# t-route's method does not conserve water: each run says how much it gains or loses.\nreaches: # add from and to\n")
		channels := n.scaled(x)
		for k, c := range channels {
			fmt.Fprintf(b, "  - {id: %s, length: %s, method: cunge, sub_reaches: 1", strconv.Quote(n.ids[k]), number(c.Length/1000))
			if o.ShortStep {
				fmt.Fprint(b, ", short_step: true")
			}
			fmt.Fprintf(b, ", slope: %s, bottom_width: %s, top_width: %s, side_slope: %s, n: %s, compound_width: %s, n_compound: %s}\n",
				strconv.FormatFloat(c.Slope, 'f', -1, 64), number(c.Bottom), number(c.Top), number(c.Side), number(c.N), number(c.Compound), number(c.NCompound))
		}
	}
	return m, nil
}

// asGiven tells how good the channels are as they were given.
func (j *job) asGiven() (string, error) {
	var parts []string
	for _, p := range []struct {
		use     Use
		windows []window
	}{{ForFit, j.fit}, {ForCheck, j.check}} {
		if len(p.windows) == 0 {
			continue
		}
		q, err := j.period(j.model.given, p.windows)
		if err != nil {
			return "", fmt.Errorf("the channels as given cannot be run over the %s: %w", p.use, err)
		}
		parts = append(parts, fmt.Sprintf("%s NSE %s, KGE %s, volume %s", p.use,
			score(q.NSE, "%.4f"), score(q.KGE, "%.4f"), score(100*q.Volume, "%+.1f %%")))
	}
	return "as given, all factors 1: " + strings.Join(parts, "; "), nil
}
