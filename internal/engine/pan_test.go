package engine_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A pan's reading goes from a batch into the run: one that names the pan among the
// missing before it, and not after.
func TestAPanIsReadFromWhatCameIn(t *testing.T) {
	c, basin := load(t)
	files := slices.Clone(c.Files())
	for i := range files {
		files[i].Data = bytes.Replace(files[i].Data, []byte("evaporation: 3,"), []byte("evaporation: 3, pan: evap, pan_factor: 0.7,"), 1)
	}
	files = append(files, hydro.File{Name: "pan.yaml", Data: []byte(`stations:
  - {id: evap, name: Pan, department: hydrology, kind: rain, basin: ` + basin + `, at: [112.3, 22.2], zone: +08:00, parameters: [{variable: pan_evaporation, every: 1d}]}
`)})
	with, problems := catalog.Load(files)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	e := begin(t, with, basin)
	told := func() (out []string) {
		f := e.Forecast()
		for _, s := range slices.Concat(f.Notes, f.MissingGauges) {
			if strings.Contains(s, "evap") {
				out = append(out, s)
			}
		}
		return out
	}
	apply(t, e, []hydro.Input{{Seq: 2, Tick: &hydro.Tick{At: start}}})
	if got := told(); len(got) != 2 || !strings.HasPrefix(got[0], "pan evap has no usable value: ") || got[1] != "evap: pan_evaporation: no data" {
		t.Errorf("before: %q", got)
	}
	now := start.Add(step)
	apply(t, e, []hydro.Input{
		{Seq: 3, Batch: &hydro.Batch{Basin: basin, ReceivedAt: now, Readings: []hydro.Reading{
			{Key: hydro.Key{Station: "evap", Variable: hydro.PanEvaporation}, At: now, Interval: 24 * time.Hour, Raw: 6, Value: 6},
		}}},
		{Seq: 4, Tick: &hydro.Tick{At: now}},
	})
	if got := told(); got != nil || !e.Forecast().IssuedAt.Equal(now) {
		t.Errorf("after: %q in the run of %s", got, e.Forecast().IssuedAt)
	}
}
