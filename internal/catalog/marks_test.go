package catalog_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const marks = `marks:
  - {station: r, valid_from: 2026-04-01, datum: PEARL_RIVER, warning: 3, guarantee: 4.5, highest: {level: 5.1, on: 1998-06-24, source: a book}, source: a letter}
  - {station: r, valid_from: 2026-06-01, datum: PEARL_RIVER, warning: 3.2, source: a newer letter, illustrative: true}
`

func TestMarksAreThoseInForce(t *testing.T) {
	c, problems := load(small + marks)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	april, june := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	record := catalog.Highest{Level: 5.1, On: time.Date(1998, 6, 24, 0, 0, 0, 0, time.UTC), Source: "a book"}
	for _, w := range []struct {
		at   time.Time
		want *catalog.Marks
	}{
		{april.Add(-time.Second), nil},
		{april, &catalog.Marks{Station: "r", ValidFrom: april, Datum: hydro.PearlRiver, Warning: 3, Guarantee: 4.5, Highest: record, Source: "a letter"}},
		{june.Add(-time.Second), &catalog.Marks{Station: "r", ValidFrom: april, Datum: hydro.PearlRiver, Warning: 3, Guarantee: 4.5, Highest: record, Source: "a letter"}},
		{june, &catalog.Marks{Station: "r", ValidFrom: june, Datum: hydro.PearlRiver, Warning: 3.2, Guarantee: math.NaN(), Highest: catalog.Highest{Level: math.NaN()}, Source: "a newer letter", Illustrative: true}},
	} {
		got, _ := c.MarksOf("r", w.at)
		if diff := cmp.Diff(w.want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", w.at, diff)
		}
	}
	if got, ok := c.MarksOf("p", june); ok {
		t.Errorf("marks of another station: %v", got)
	}
}

func TestMistakesInMarksAreNamed(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		want           []string
	}{
		{"no level", "station: r, valid_from: 2026-04", "station: p, valid_from: 2026-04", []string{`  - {station: ‸p, valid → marks: station "p" reports no water_level`}},
		{"none", "warning: 3, guarantee: 4.5, highest: {level: 5.1, on: 1998-06-24, source: a book}, ", "", []string{`  - ‸{station: r, valid_from: 2026-04 → marks: no mark is given; give warning, guarantee, highest or several of them`}},
		{"swapped", "guarantee: 4.5", "guarantee: 2.5", []string{`guarantee: ‸2.5 → guarantee: 2.5 is not above warning 3`}},
		{"no source", ", source: a letter", "", []string{`  - ‸{station: r, valid_from: 2026-04 → source: missing`}},
		{"a record without its source", "on: 1998-06-24, source: a book", "on: last year", []string{`highest: ‸{level → source: missing`, `on: ‸last year → on: "last year" is no date`}},
		{"another datum", "2026-04-01, datum: PEARL_RIVER", "2026-04-01, datum: NATIONAL_1985", []string{`datum: ‸NATIONAL_1985 → datum: the marks of "r" is on NATIONAL_1985 but the station is on PEARL_RIVER`}},
		{"twice", "2026-06-01", "2026-04-01", []string{`r, valid_from: ‸2026-04-01, datum: PEARL_RIVER, warning: 3.2 → station "r" has other marks with the same valid_from`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(small+marks, c.old) != 1 {
				t.Fatalf("%q stands %d times in the catalogue", c.old, strings.Count(small+marks, c.old))
			}
			in := strings.Replace(small+marks, c.old, c.new, 1)
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
