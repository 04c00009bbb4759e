package hydro_test

import (
	"strings"
	"testing"

	"freshet/internal/hydro"
)

func TestARefusalThatIsNotKnownIsToldByItsReason(t *testing.T) {
	for _, detail := range []string{"", "Something new.", "Station a: cut sh…"} {
		if got := hydro.RefusalZH(hydro.DatumMismatch, detail); got != "基面不符" {
			t.Errorf("%q is %q", detail, got)
		}
	}
}

// What a gateway wrote stays as it wrote it, even if it looks like a word of ours.
func TestARefusalKeepsWhatAGatewayWrote(t *testing.T) {
	got := hydro.RefusalZH(hydro.UnknownStation, `No station has the id or hydrology code "rain ${2} #{1}". Add it to the catalogue or correct the code.`)
	if want := "没有测站的站码或水文部门编码为“rain ${2} #{1}”。请加入基础资料，或更正编码。"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The tests that a gauge failed, and why rules are not used, have names in Chinese.
func TestNoGaugeAndNoReservoirIsEnglishInTheHonestyLine(t *testing.T) {
	f := hydro.Forecast{
		MissingGauges: []string{"g-1: water_level: suspect (stuck, spike) since 2026-05-31 22:00Z", "g-2: rain: fail (range) since 2026-05-31 22:00Z"},
		Notes: []string{
			"reservoir d: its rules are not used: reservoir: level 58.2 m: want 40 to 58 m",
			"reservoir d: its rules are not used: reservoir: step 3: no convergence after 60 trials: balance open by 1·10⁶ m³ at a storage of 2·10⁶ m³",
			"reservoir d: its rules are not used: reservoir: inflow -1 m³/s: want 0 or more",
			"no bands in this run: member 2 of the rain forecast of EPS: panic: index",
			"bands learn nothing from 2026-05-31 22:00Z with the rain that fell: panic: index",
		},
	}
	zh := f.HonestyZH()
	for _, want := range []string{
		"g-1水位（自2026-06-01 06:00起质控存疑：尖峰、卡滞）", "g-2雨量（自2026-06-01 06:00起质控不通过：超出合理范围）",
		"水库d未采用其调度规则：水位58.2 m超出库容曲线范围（40至58 m）", "水库d未采用其调度规则：调洪演算未收敛", "水库d未采用其调度规则：调洪演算未能进行",
		"本次预报无不确定性区间：集合计算失败", "不确定性区间未能采用2026-06-01 06:00的后报：该次计算失败",
	} {
		if !strings.Contains(zh, want) {
			t.Errorf("no %q in\n%s", want, zh)
		}
	}
	if english.MatchString(zh) {
		t.Errorf("English in %s", zh)
	}
}
