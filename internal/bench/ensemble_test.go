package bench

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"freshet/internal/hydro"
)

func ensembleOptions() EnsembleOptions {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	return EnsembleOptions{
		Reaches: 100, SubBasins: 20, Members: 5, Steps: 432, Step: 10 * time.Minute, Method: "mct", Workers: 1, Seed: 1,
		Now: func() time.Time { now = now.Add(time.Second); return now },
		CPU: func() time.Duration { return 0 },
	}
}

func TestMembersDifferAndDoNotDependOnTheWorkers(t *testing.T) {
	for _, method := range []string{"muskingum", "mct"} {
		o := ensembleOptions()
		o.Method = method
		one, err := Ensemble(o)
		if err != nil {
			t.Fatal(err)
		}
		o.Workers = 3
		three, err := Ensemble(o)
		if err != nil {
			t.Fatal(err)
		}
		if one.Peak != three.Peak || one.Limited != three.Limited {
			t.Errorf("%s: one worker %+v, three %+v", method, one, three)
		}
		if !(one.Peak[0] > 1 && one.Peak[1] > one.Peak[0] && one.Peak[2] > one.Peak[1]) {
			t.Errorf("%s: peaks %v m³/s", method, one.Peak)
		}
		if one.Seconds != 1 { // the clock gives a second
			t.Errorf("%s: %g s", method, one.Seconds)
		}
	}
}

func TestAMemberIsTheSameWhateverRanBefore(t *testing.T) {
	o := ensembleOptions()
	b, err := newBasin(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.runner(o.Method)
	if err != nil {
		t.Fatal(err)
	}
	first, err := r.member(3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.member(4); err != nil {
		t.Fatal(err)
	}
	again, err := r.member(3)
	if err != nil {
		t.Fatal(err)
	}
	if first != again {
		t.Errorf("member 3 peaks at %g m³/s, and at %g m³/s after another", first, again)
	}
}

func TestWrongEnsembleOptionsAreInvalid(t *testing.T) {
	for name, spoil := range map[string]func(*EnsembleOptions){
		"reaches": func(o *EnsembleOptions) { o.Reaches = 0 },
		"subs":    func(o *EnsembleOptions) { o.SubBasins = o.Reaches + 1 },
		"members": func(o *EnsembleOptions) { o.Members = 0 },
		"steps":   func(o *EnsembleOptions) { o.Steps = 0 },
		"step":    func(o *EnsembleOptions) { o.Step = 0 },
		"method":  func(o *EnsembleOptions) { o.Method = "cunge" },
		"workers": func(o *EnsembleOptions) { o.Workers = 0 },
		"clock":   func(o *EnsembleOptions) { o.Now = nil },
	} {
		o := ensembleOptions()
		spoil(&o)
		if _, err := Ensemble(o); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Runoff and routing of 50 members, 72 h at 10 min, on two goroutines.
func BenchmarkEnsemble(b *testing.B) {
	for _, method := range []string{"muskingum", "mct"} {
		o := ensembleOptions()
		o.Reaches, o.SubBasins, o.Members, o.Method, o.Workers = 1000, 200, 50, method, 2
		basin, err := newBasin(o)
		if err != nil {
			b.Fatal(err)
		}
		var runners []*runner
		for range o.Workers {
			r, err := basin.runner(method)
			if err != nil {
				b.Fatal(err)
			}
			runners = append(runners, r)
		}
		b.Run(fmt.Sprintf("method=%s/reaches=%d/subs=%d/members=%d", method, o.Reaches, o.SubBasins, o.Members), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := basin.members(runners, o.Members); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
