package catalog_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/catalog"
)

// levels is small with a stage table of r, which is on the datum PEARL_RIVER, by the
// words of each case, and with marks.
func levels(t *testing.T, table, marks string) string {
	t.Helper()
	const after = "stage_tables:\n"
	if strings.Count(small, after) != 1 {
		t.Fatal("no stage tables")
	}
	return strings.Replace(small, after, after+table, 1) + "marks:\n" + marks
}

func TestMarksAndStageTablesThatContradictAreWarnedOf(t *testing.T) {
	const (
		head  = "  - station: r\n    datum: PEARL_RIVER\n    valid_from: "
		of    = "  - {station: r, datum: PEARL_RIVER, source: s, valid_from: "
		marks = of + "2026-04-01, warning: 3, guarantee: 4.5, highest: {level: 5, source: s}}\n"
	)
	for _, c := range []struct {
		name, table, marks string
		want               []string
	}{
		{"sound", head + "2026-01-01\n    thresholds: [{variable: water_level, blue: 2.5, yellow: 3, orange: 4.5, red: 5}]\n", marks, nil},
		{
			"red and orange below the warning level", head + "2026-01-01\n    thresholds: [{variable: water_level, orange: 2.2, red: 2.9}]\n", marks,
			[]string{
				`orange: ‸2.2, → orange: 2.2 m lies below the warning level 警戒水位 3 m of station "r" in force from 2026-04-01`,
				`red: ‸2.9 → red: 2.9 m lies below the warning level 警戒水位 3 m`,
			},
		},
		{
			"blue and yellow above the guarantee level", head + "2026-01-01\n    thresholds: [{variable: water_level, blue: 4.6, yellow: 4.8, red: 6}]\n", marks,
			[]string{`blue: ‸4.6 → blue: 4.6 m lies above the guarantee level 保证水位 4.5 m`, `yellow: ‸4.8 → yellow: 4.8 m lies above the guarantee level`},
		},
		{
			"a profile by other levels", head + "2026-01-01\n    profile: {name: national-2013-first, warning: 3.5, guarantee: 4.5, highest: 5.2, near: 0.3}\n", marks,
			[]string{
				`warning: ‸3.5 → profile: warning is 3.5 m here and 3 m in the marks of station "r" in force from 2026-04-01`,
				`highest: ‸5.2 → profile: highest is 5.2 m here and 5 m in the marks`,
			},
		},
		{
			"a profile whose yellow is above the guarantee level", head + "2026-01-01\n    profile: {name: national-2013-first, warning: 4.6, guarantee: 4.7, highest: 5, near: 0.01}\n", of + "2026-04-01, guarantee: 4.5}\n",
			[]string{`guarantee: ‸4.7 → profile: guarantee is 4.7 m here and 4.5 m`, `profile: ‸{name → profile: blue: 4.59 m lies above`, `profile: ‸{name → profile: yellow: 4.6 m lies above`},
		},
		{
			"never in force together", head + "2026-01-01\n    thresholds: [{variable: water_level, red: 2.9}]\n" +
				head + "2026-03-01\n    thresholds: [{variable: water_level, red: 5}]\n", marks, nil,
		},
		{
			"older marks that were replaced before", head + "2026-06-01\n    thresholds: [{variable: water_level, red: 2.9}]\n",
			of + "2026-01-01, warning: 3}\n" + of + "2026-05-01, warning: 2.5}\n", nil,
		},
		{
			"marks that come later", head + "2026-01-01\n    thresholds: [{variable: water_level, red: 2.9}]\n", of + "2026-01-01, warning: 2}\n" + of + "2026-09-01, warning: 3}\n",
			[]string{`red: ‸2.9 → red: 2.9 m lies below the warning level 警戒水位 3 m of station "r" in force from 2026-09-01`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := levels(t, c.table, c.marks)
			cat, problems := load(in)
			if len(problems) > 0 {
				t.Fatal(catalog.Problems(problems))
			}
			var texts []string
			for _, p := range cat.Warnings() {
				texts = append(texts, p.String())
			}
			for _, want := range c.want {
				if want = located(t, in, want); !strings.Contains(strings.Join(texts, "\n"), want) {
					t.Errorf("no %q in\n%s", want, strings.Join(texts, "\n"))
				}
			}
			if len(texts) != len(c.want) {
				t.Errorf("%d warnings, want %d:\n%s", len(texts), len(c.want), strings.Join(texts, "\n"))
			}
		})
	}
}

// Warnings are of the files, in whatever order these come.
func TestWarningsDoNotHangOnTheOrderOfFiles(t *testing.T) {
	cat, problems := load(levels(t, "  - station: r\n    datum: PEARL_RIVER\n    valid_from: 2026-01-01\n    thresholds: [{variable: water_level, orange: 2, red: 2.9}]\n",
		"  - {station: r, datum: PEARL_RIVER, source: s, valid_from: 2026-01-01, warning: 3}\n"))
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	again, problems := catalog.Load(cat.Files())
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	if diff := cmp.Diff(cat.Warnings(), again.Warnings()); diff != "" || len(again.Warnings()) != 2 {
		t.Error(diff, again.Warnings())
	}
}
