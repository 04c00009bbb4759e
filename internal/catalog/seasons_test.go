package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/catalog"
)

// Of a season of three days.
const seasons = `seasons:
  - basin: b
    source: a book
    normal: {daily: [1, 2.5, 3], source: a table}
    years:
      - {year: 2006, total: 9}
      - {year: 2008, daily: [4, 4, 4], illustrative: true}
    sub_basins:
      - {id: s1, years: [{year: 2008, total: 0}]}
    stations:
      - {id: p, normal: {total: 12}}
`

func shortSeason() string {
	return strings.Replace(small, "from: 05-21, to: 06-20", "from: 05-21, to: 05-23", 1) + seasons
}

func TestAPlaceHasItsNormalAndItsYears(t *testing.T) {
	c, problems := load(shortSeason())
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	b, _ := c.Basin("b")
	want := catalog.SeasonPlace{
		Normal: &catalog.SeasonFigure{Total: 6.5, Daily: []float64{1, 2.5, 3}, Source: "a table"},
		Years: []catalog.SeasonYear{
			{Year: 2008, SeasonFigure: catalog.SeasonFigure{Total: 12, Daily: []float64{4, 4, 4}, Source: "a book", Illustrative: true}},
			{Year: 2006, SeasonFigure: catalog.SeasonFigure{Total: 9, Source: "a book"}},
		},
	}
	if diff := cmp.Diff(want, b.Season.Whole); diff != "" {
		t.Error(diff)
	}
	want = catalog.SeasonPlace{ID: "s1", Years: []catalog.SeasonYear{{Year: 2008, SeasonFigure: catalog.SeasonFigure{Source: "a book"}}}}
	if diff := cmp.Diff(&want, b.Season.SubBasin("s1")); diff != "" {
		t.Error(diff)
	}
	want = catalog.SeasonPlace{ID: "p", Normal: &catalog.SeasonFigure{Total: 12, Source: "a book"}}
	if diff := cmp.Diff(&want, b.Season.Station("p")); diff != "" {
		t.Error(diff)
	}
	if p := b.Season.Station("r"); p != nil {
		t.Errorf("of a station of which nothing is said: %+v", p)
	}
}

func TestASeasonIsOfWholeHydrologicalDays(t *testing.T) {
	zone, err := catalog.ParseZone("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		season      catalog.Season
		from, until string
	}{
		{catalog.Season{FromMonth: 5, FromDay: 21, ToMonth: 6, ToDay: 20, HydrologicalDayStart: 8 * time.Hour}, "2026-05-21 08:00", "2026-06-21 08:00"},
		{catalog.Season{FromMonth: 5, FromDay: 21, ToMonth: 5, ToDay: 21, HydrologicalDayStart: 20*time.Hour + 30*time.Minute}, "2026-05-21 20:30", "2026-05-22 20:30"},
		{catalog.Season{FromMonth: 11, FromDay: 1, ToMonth: 2, ToDay: 28}, "2026-11-01 00:00", "2027-03-01 00:00"},
	} {
		from, until := c.season.Span(2026, zone)
		const layout = "2006-01-02 15:04"
		if got := from.In(zone).Format(layout); got != c.from {
			t.Errorf("from %s, want %s", got, c.from)
		}
		if got := until.In(zone).Format(layout); got != c.until {
			t.Errorf("until %s, want %s", got, c.until)
		}
	}
}

func TestMistakesInSeasonsAreNamed(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		want           []string
	}{
		{"no such basin", "basin: b\n    source", "basin: x\n    source", []string{"basin: ‸x → basin: no basin \"x\""}},
		{"no basin", "- basin: b\n    source", "- source", []string{"  - ‸source: a book → basin: missing"}},
		{"a day too few", "[1, 2.5, 3]", "[1, 2.5]", []string{"daily: ‸[1, 2.5] → daily: 2 values, and the season from 05-21 to 05-23 has 3 days"}},
		{"a leap day", "to: 05-23", "to: 03-01", []string{
			"daily: ‸[1, 2.5 → daily: the season holds 29 February in some years", "daily: ‸[4, 4 → daily: the season holds 29 February in some years",
		}},
		{"negative", "[4, 4, 4]", "[4, -4, 4]", []string{"[4, ‸-4, 4] → daily: -4 must not be negative"}},
		{"no number", "total: 9", "total: nine", []string{"total: ‸nine → \"nine\" is no number"}},
		{"both", "{total: 12}", "{total: 12, daily: [1, 2, 3]}", []string{"normal: ‸{total: 12, daily → give total, the mm of the whole season, or daily"}},
		{"neither", "year: 2006, total: 9", "year: 2006", []string{"‸{year: 2006 → give total"}},
		{"no year", "year: 2006, ", "", []string{"‸{total: 9 → year: missing"}},
		{"a year of no calendar", "year: 2006", "year: 206", []string{"‸206 → year: \"206\" must be a whole number from 1800 to 2261"}},
		{"a year twice", "year: 2006", "year: 2008", []string{"year: ‸2008, daily → year: 2008 given twice"}},
		{"no source", "    source: a book\n", "", []string{
			"‸{year: 2006 → source: missing", "‸{year: 2008, daily → source: missing", "‸{year: 2008, total → source: missing", "‸{total: 12 → source: missing",
		}},
		{"no such sub-basin", "- {id: s1, years", "- {id: x, years", []string{"id: ‸x, years → id: basin \"b\" has no sub-basin \"x\""}},
		{"no such station", "- {id: p, normal", "- {id: x, normal", []string{"id: ‸x, normal → id: no station \"x\""}},
		{"no rain", "- {id: p, normal", "- {id: r, normal", []string{"id: ‸r, normal → id: station \"r\" reports no rain"}},
		{"nothing", "- {id: p, normal: {total: 12}}", "- {id: p}", []string{"- ‸{id: p} → stations: neither normal nor years of \"p\" are given"}},
		{"unknown", "    source: a book\n", "    sauce: a book\n    source: a book\n", []string{"‸sauce → unknown key \"sauce\""}},
		{"no dates", "name: S, from: 05-21, to: 05-23, ", "", []string{"basin: ‸b\n    source → seasons: basin \"b\" has no season"}},
		{"two normals", "to: 05-23", "to: 05-23, normal_mm: 3, normal_source: a letter", []string{"normal: ‸{daily → normal: the season of basin \"b\" has a normal_mm already"}},
		{"twice", "    stations:\n      - {id: p, normal: {total: 12}}\n", "  - {basin: b}\n", []string{"{basin: ‸b → seasons: basin \"b\" given twice"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole := shortSeason()
			if strings.Count(whole, c.old) != 1 {
				t.Fatalf("%q stands %d times in the catalogue", c.old, strings.Count(whole, c.old))
			}
			in := strings.Replace(whole, c.old, c.new, 1)
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

func TestTheExampleSaysOfWhomItsSeasonIs(t *testing.T) {
	b, _ := shipped(t, "tanjiang").Basin("tanjiang")
	s := b.Season
	if n := s.Whole.Normal; n == nil || !n.Illustrative || len(n.Daily) != 31 || n.Total < 321.0999 || n.Total > 321.1001 {
		t.Errorf("normal %+v, want the province's 321.1 mm over 31 days, as an example", n)
	}
	for _, all := range [][]catalog.SeasonPlace{{s.Whole}, s.SubBasins, s.Stations} {
		for _, p := range all {
			if p.Normal != nil && (!p.Normal.Illustrative || p.Normal.Source == "") {
				t.Errorf("%s: %+v is not marked as an example", p.ID, p.Normal)
			}
			for _, y := range p.Years {
				if !y.Illustrative || y.Source == "" {
					t.Errorf("%s: %+v is not marked as an example", p.ID, y)
				}
			}
		}
	}
}

func TestTheCoverageThatAComparisonNeedsIsASetting(t *testing.T) {
	for more, want := range map[string]float64{"": 0.9, "    least_coverage: 0.75\n": 0.75, "    least_coverage: 0\n": 0} {
		c, problems := load(shortSeason() + more)
		if len(problems) > 0 {
			t.Fatal(catalog.Problems(problems))
		}
		if b, _ := c.Basin("b"); b.Season.LeastCoverage != want {
			t.Errorf("%q: %g, want %g", more, b.Season.LeastCoverage, want)
		}
	}
	_, problems := load(shortSeason() + "    least_coverage: 90\n")
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "least_coverage") {
		t.Error(problems)
	}
}
