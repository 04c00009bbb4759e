package catalog_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const claim = `claims:
  - {station: r, department: hydrology, valid_from: 2026-04-01, source: survey, to_1985: 0.7, thresholds: [{variable: water_level, red: 9, blue: 2}]}
`

func TestAClaimIsReadAndNotUsed(t *testing.T) {
	c, problems := load(small + claim)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	offset := 0.7
	want := []catalog.Claim{{
		Station: "r", Department: hydro.Hydrology, ValidFrom: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), To1985: &offset, Source: "survey",
		Thresholds: []catalog.Threshold{
			{Stage: hydro.Blue, Variable: hydro.WaterLevel, Value: 2, Observed: true}, {Stage: hydro.Red, Variable: hydro.WaterLevel, Value: 9, Observed: true},
		},
	}}
	if diff := cmp.Diff(want, c.Claims); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, used := c.StageTable("r", time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)); used {
		t.Error("a claim became a stage table")
	}
	if st, _ := c.Station("r"); st.Datum.To1985 != nil {
		t.Error("a claim became the station's offset")
	}
	if diff := cmp.Diff(catalog.DefaultDisagreement(), c.Sites[0].Disagree); diff != "" {
		t.Errorf("a site that states no limits (-default +got):\n%s", diff)
	}
}

func TestMistakesInClaimsAreNamed(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		want           []string
	}{
		{"unknown station", "station: r, department: hydrology, valid", "station: x, department: hydrology, valid", []string{`  - {station: ‸x, → station: no station "x"`}},
		{"nobody", "department: hydrology, valid", "valid", []string{`  - ‸{station: r, valid → department: missing`}},
		{"no source", "source: survey, ", "", []string{`  - ‸{station: r, department → source: missing`}},
		{"nothing", ", to_1985: 0.7, thresholds: [{variable: water_level, red: 9, blue: 2}]", "", []string{`  - ‸{station: r, department → claims: nothing is claimed; give datum, to_1985 or thresholds`}},
		{"falling", "red: 9, blue: 2", "red: 1, blue: 2", []string{`red: ‸1, → red: 1 is not above blue 2`}},
		{"twice", "claims:\n", "claims:\n  - {station: r, department: hydrology, valid_from: 2026-04-01, source: s, to_1985: 1}\n", []string{`valid_from: ‸2026-04-01, source: survey → claims: hydrology has another claim on station "r" with the same valid_from`}},
		{"limits of a site", "authority: {rain: p}", "authority: {rain: p}, disagree: {water_level: -1, discharge: 2, dwel: 1h}", []string{
			`level: ‸-1 → water_level: -1 must not be negative`, `charge: ‸2 → discharge: 2 must be from 0 to 1`, `2, ‸dwel → unknown key "dwel"; known here: discharge, dwell, water_level`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(small+claim, c.old) != 1 {
				t.Fatalf("%q stands %d times in the catalogue", c.old, strings.Count(small+claim, c.old))
			}
			in := strings.Replace(small+claim, c.old, c.new, 1)
			_, problems := load(in)
			var got strings.Builder
			for _, p := range problems {
				got.WriteString(p.String() + "\n")
			}
			for _, want := range c.want {
				if want := located(t, in, want); !strings.Contains(got.String(), want) {
					t.Errorf("no %q in\n%s", want, got.String())
				}
			}
			if len(problems) != len(c.want) {
				t.Errorf("%d problems, want %d:\n%s", len(problems), len(c.want), got.String())
			}
		})
	}
}

func TestLevelsAreComparedOnlyWhereTheCatalogueRelatesTheirDatums(t *testing.T) {
	offset := func(x float64) *float64 { return &x }
	pearl := catalog.Datum{Name: hydro.PearlRiver, To1985: offset(0.744)}
	for _, c := range []struct {
		name string
		a, b catalog.Datum
		ok   bool
		diff float64 // what a reading of 1 m at a is above one of 1 m at b
	}{
		{"same", catalog.Datum{Name: hydro.PearlRiver}, catalog.Datum{Name: hydro.PearlRiver}, true, 0},
		{"by NATIONAL_1985", pearl, catalog.Datum{Name: hydro.National1985}, true, 0.744},
		{"both by NATIONAL_1985", pearl, catalog.Datum{Name: hydro.Huanghai1956, To1985: offset(-0.029)}, true, 0.773},
		{"two stations' own zeros", catalog.Datum{Name: hydro.StationDatum}, catalog.Datum{Name: hydro.StationDatum}, false, 0},
		{"own zeros with offsets", catalog.Datum{Name: hydro.StationDatum, To1985: offset(50)}, catalog.Datum{Name: hydro.StationDatum, To1985: offset(49)}, true, 1},
		{"unrelated", pearl, catalog.Datum{Name: hydro.Huanghai1956}, false, 0},
		{"not stated", catalog.Datum{}, catalog.Datum{}, false, 0},
		{"accepted", catalog.Datum{Name: hydro.StationDatum, Accepts: []catalog.DatumOffset{{From: hydro.PearlRiver, Add: -3}}}, pearl, true, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			on, ok := catalog.Common(c.a, c.b)
			if ok != c.ok || math.Abs(on.AddA-on.AddB-c.diff) > 1e-9 {
				t.Errorf("%+v %v, want %v with %g m between them", on, ok, c.ok, c.diff)
			}
			back, again := catalog.Common(c.b, c.a)
			if again != ok || math.Abs(back.AddB-back.AddA-c.diff) > 1e-9 {
				t.Errorf("the other way round %+v %v", back, again)
			}
		})
	}
}
