package calibration_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"freshet/forecast/network"
	"freshet/forecast/routing"
	"freshet/internal/calibration"
	"freshet/internal/hydro"
)

const fourReaches = `link,to,Length,n,nCC,So,ChSlp,BtmWdth,TopWdth,TopWdthCC
a,c,3000,0.05,0.1,0.002,0.5,5,12,40
b,c,4000,0.05,0.1,0.001,0.5,6,14,50
c,d,5000,0.04,0.08,0.0008,0.4,10,25,90
d,sea,6000,0.04,0.08,0.0006,0.4,12,30,120
`

// laterals are two waves of 100 h, 200 rows in all.
func laterals() (rows [][4]float64) {
	for i := range 200 {
		at := float64(i % 100)
		wave := math.Exp(-(at-30)*(at-30)/60) * (1 + float64(i/100)*0.6)
		rows = append(rows, [4]float64{0.5 + 8*wave, 0.4 + 11*wave, 0.1 + wave, 0.2 + 2*wave})
	}
	return rows
}

func lateralFile(edit func(i int, cells []string)) string {
	text := "time,a,b,c,d\n"
	for i, row := range laterals() {
		cells := []string{june.Add(time.Duration(i) * time.Hour).Format(time.RFC3339)}
		for _, v := range row {
			cells = append(cells, fmt.Sprintf("%.6g", v))
		}
		if edit != nil {
			edit(i, cells)
		}
		text += strings.Join(cells, ",") + "\n"
	}
	return text
}

// A river whose channels are other than the table says is found: what was observed is
// of an independent walk of the network, and the part that the fit did not see comes
// out right, which it does not with the channels as given.
func TestTheChannelsOfANetworkAreFitted(t *testing.T) {
	side := calibration.Source{File: write(t, "lateral.csv", lateralFile(nil)), Zone: time.UTC}
	n, err := calibration.ReadNetwork(write(t, "reaches.csv", fourReaches), side, false)
	if err != nil {
		t.Fatal(err)
	}
	channels := append([]routing.Channel{}, n.Channels...)
	for i := range channels {
		c := &channels[i]
		c.N, c.NCompound = c.N*1.6, c.NCompound*1.6
		c.Bottom, c.Top, c.Compound = c.Bottom*0.8, c.Top*0.8, c.Compound*0.8
	}
	method, err := routing.NewCungeReaches(channels, 300, routing.Current)
	if err != nil {
		t.Fatal(err)
	}
	local := make([]float64, 4)
	for k := range local {
		local[k] = n.Lateral(k)[0]
	}
	total := n.Tree.Accumulate(local)
	for k, q := range total {
		if err := method.SetSteady(k, max(q-local[k], 0), q); err != nil {
			t.Fatal(err)
		}
	}
	net, err := network.New(n.Tree, method, network.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	outlet := n.Position("d")
	flow := []float64{total[outlet]}
	steps := 0
	_, err = net.Run(&network.Run{
		Steps: 199 * 12,
		Lateral: func(k, from int, q []float64) {
			for i := range q {
				q[i] = n.Lateral(k)[(from+i)/12+1]
			}
		},
		Flow: func(k, _ int, q []float64) {
			for _, v := range q {
				if k != outlet {
					continue
				}
				if steps++; steps%12 == 0 {
					flow = append(flow, v)
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := "time,d\n"
	for i, q := range flow {
		text += fmt.Sprintf("%s,%.8g\n", june.Add(time.Duration(i)*time.Hour).Format(time.RFC3339), q)
	}
	o := calibration.Options{
		Method: "network", Objective: "nse", Split: 0.5, Seed: 1, Evaluations: 600, Network: n,
		Source: calibration.Source{File: write(t, "flow.csv", text), Zone: time.UTC, Columns: map[string]string{calibration.Flow: "d"}},
	}
	r, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Fit.NSE < 0.999 || r.Check == nil || r.Check.NSE < 0.998 || math.Abs(float64(r.Check.Volume)) > 0.01 {
		t.Errorf("fit %+v, check %+v", r.Fit, r.Check)
	}
	o.Bounds = []string{"n_factor=1.599:1.601", "n_compound_factor=1.599:1.601", "width_factor=0.799:0.801"}
	o.Evaluations = 30
	near, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if near.Fit.NSE < 0.99999 || near.Check.NSE < 0.99999 {
		t.Errorf("by the truth: fit %+v, check %+v", near.Fit, near.Check)
	}
	var check float64
	_, after, _ := strings.Cut(r.Notes[len(r.Notes)-1], "check NSE ")
	if _, err := fmt.Sscanf(after, "%f", &check); err != nil || check > 0.995 {
		t.Errorf("as given: %q: %v", r.Notes, err)
	}
	for _, want := range []string{"as given, all factors 1: fit NSE 0.", `{id: "a", length: 3, method: cunge, sub_reaches: 1, slope: 0.002, bottom_width: `, "flow at the end of reach d"} {
		if !strings.Contains(r.Fragment, want) {
			t.Errorf("no %q in\n%s", want, r.Fragment)
		}
	}
}

func TestMistakesOfANetworkAreNamed(t *testing.T) {
	good := lateralFile(nil)
	hole := lateralFile(func(i int, cells []string) {
		if i == 7 {
			cells[2] = ""
		}
	})
	for name, c := range map[string]struct{ reaches, lateral, want string }{
		"column":  {strings.Replace(fourReaches, "TopWdthCC", "Top", 1), good, `reaches.csv:1:1: there is no column "TopWdthCC"`},
		"number":  {strings.Replace(fourReaches, "4000", "4 km", 1), good, `reaches.csv:3:5: Length: "4 km" is no number`},
		"channel": {strings.Replace(fourReaches, ",0.001,", ",-0.001,", 1), good, "reaches.csv:3:1: link: b:"},
		"twice":   {strings.Replace(fourReaches, "\nb,", "\na,", 1), good, `"a" is empty or given twice`},
		"circle":  {strings.Replace(fourReaches, "d,sea", "d,a", 1), good, "reaches.csv:"},
		"lateral": {fourReaches, strings.Replace(good, "time,a,b", "time,a,x", 1), `no column "b"`},
		"hole":    {fourReaches, hole, "reach b has no value at 2020-06-01 07:00"},
	} {
		side := calibration.Source{File: write(t, "lateral.csv", c.lateral), Zone: time.UTC}
		if _, err := calibration.ReadNetwork(write(t, "reaches.csv", c.reaches), side, false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	n, err := calibration.ReadNetwork(write(t, "reaches.csv", fourReaches), calibration.Source{File: write(t, "lateral.csv", hole), Zone: time.UTC}, true)
	if err != nil || n.Filled != 1 {
		t.Fatalf("%+v %v", n, err)
	}
	flow := strings.ReplaceAll(good, "time,a,b,c,d", "time,x,y,z,d")
	for want, change := range map[string]func(*calibration.Options){
		"--network is needed":   func(o *calibration.Options) { o.Network = nil },
		"no reach of this id":   func(o *calibration.Options) { o.Source.Columns[calibration.Flow] = "x" },
		"no whole number of it": func(o *calibration.Options) { o.RoutingStep = 7 * time.Minute },
		"lateral inflow at each time of": func(o *calibration.Options) {
			o.Source.File = write(t, "later.csv", flow+"2020-06-09T08:00:00Z,1,1,1,1\n")
		},
	} {
		o := calibration.Options{
			Method: "network", Objective: "nse", Split: 0.5, Network: n,
			Source: calibration.Source{File: write(t, "flow.csv", flow), Zone: time.UTC, Columns: map[string]string{calibration.Flow: "d"}},
		}
		change(&o)
		if _, err := calibration.Run(t.Context(), o); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
