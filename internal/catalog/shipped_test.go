package catalog_test

import (
	"path/filepath"
	"testing"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func shipped(t testing.TB, name string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.LoadDir(filepath.Join("..", "..", "deploy", "catalog", name))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTanjiangHasFortyStationsAndTheVerifiedNumbers(t *testing.T) {
	c := shipped(t, "tanjiang")
	if len(c.Stations) != 40 {
		t.Errorf("%d stations, want 40", len(c.Stations))
	}
	b, ok := c.Basin("tanjiang")
	if !ok {
		t.Fatal("no basin tanjiang")
	}
	area := map[string]float64{}
	var total float64
	for _, s := range b.SubBasins {
		area[s.ID] = s.Area
		total += s.Area
	}
	if total != 5068 {
		t.Errorf("sub-basins add up to %g km², want 5068", total)
	}
	if got := area["zhenhai"] + area["dashahe"] + area["zhenhai-lower"]; got != 1209 {
		t.Errorf("镇海水 drains %g km², want 1209", got)
	}
	if area["baisha"] != 383 || area["taicheng"] != 576 || area["jinjiang"] != 362 {
		t.Errorf("白沙水 %g, 新昌水 %g, 锦江水库 %g km², want 383, 576, 362", area["baisha"], area["taicheng"], area["jinjiang"])
	}
	main := 56.0 // above the dam
	for at := "jinjiang-dam"; ; {
		var next string
		for _, r := range b.Reaches {
			if r.From == at {
				main += r.Length
				next = r.To
			}
		}
		if next == "" {
			break
		}
		at = next
	}
	if main != 248 {
		t.Errorf("main stem %g km, want 248", main)
	}
}

func TestEveryTanjiangNumberThatIsMadeUpIsMarked(t *testing.T) {
	c := shipped(t, "tanjiang")
	if c.Illustrative == "" {
		t.Error("the catalogue has no mark")
	}
	for _, s := range c.Stations {
		if !s.Illustrative {
			t.Errorf("station %s is not marked", s.ID)
		}
	}
	for _, r := range c.Ratings {
		if !r.Illustrative {
			t.Errorf("rating %s is not marked", r.ID)
		}
	}
	for _, s := range c.StageTables {
		if !s.Illustrative {
			t.Errorf("stage table of %s is not marked", s.Station)
		}
	}
	for _, b := range c.Basins {
		for _, r := range b.Reaches {
			if !r.Illustrative {
				t.Errorf("reach %s is not marked", r.ID)
			}
		}
		for _, s := range b.SubBasins {
			if !s.Illustrative {
				t.Errorf("sub-basin %s is not marked", s.ID)
			}
		}
	}
}

func TestTheNamesAreChinese(t *testing.T) {
	for _, s := range shipped(t, "tanjiang").Stations {
		if r := []rune(s.NameZH); r[0] < 0x4e00 || r[0] > 0x9fff {
			t.Errorf("station %s is named %q", s.ID, s.NameZH)
		}
	}
}

func TestRecordedRiversLoad(t *testing.T) {
	c := shipped(t, "lower_colorado")
	for _, id := range []string{"bastrop", "smithville", "lagrange", "columbus"} {
		s, ok := c.Station(id)
		if !ok {
			t.Fatalf("no station %s", id)
		}
		if s.Datum.Name != hydro.StationDatum || s.Department != hydro.Hydrology {
			t.Errorf("%s: datum %s, department %s", id, s.Datum.Name, s.Department)
		}
	}
	c = shipped(t, "upper_calder")
	if len(c.Stations) != 9 {
		t.Errorf("%d stations, want 9", len(c.Stations))
	}
	b, _ := c.Basin("upper_calder")
	if last := b.Nodes[len(b.Nodes)-1]; last.ID != "mytholmroyd" || last.Downstream != "" {
		t.Errorf("the last node is %+v", last)
	}
}

func TestForecastLegsStandOnlyWhereLevelsAreForecast(t *testing.T) {
	c := shipped(t, "tanjiang")
	for _, s := range c.StageTables {
		for _, h := range s.Thresholds {
			want := h.Variable == hydro.Discharge || h.Variable == hydro.WaterLevel
			switch s.Station {
			case "h-sanbu", "h-shizui", "h-yamen": // tidal
				want = false
			}
			if h.Forecast != want {
				t.Errorf("%s %s %s: forecast leg %v, want %v", s.Station, h.Variable, h.Stage, h.Forecast, want)
			}
		}
	}
}
