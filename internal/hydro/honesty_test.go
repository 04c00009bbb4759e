package hydro_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"freshet/internal/hydro"
)

func TestTheHonestyLineSaysWhatTheForecastStandsOn(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 5, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		forecast hydro.Forecast
		en, zh   string
	}{
		"Everything": {
			forecast: hydro.Forecast{
				IssuedAt: at, DataCutoff: at.Add(-5 * time.Minute), ValidUntil: at.Add(10 * time.Minute),
				MissingGauges: []string{
					"GD-PP-003: rain: silent since 2026-05-31 20:00Z", "GD-ZQ-001: water_level: suspect (stuck) since 2026-05-31 22:00Z", "GD-ZQ-002: clock is wrong",
				}, RainCoverage: 0.9299,
				RainAssumed: "no further rain assumed", Plan: "last observed outflow held",
				Notes: []string{"level at GD-ZQ-003 lies outside the rating's measured range 1 to 9.5 m at some time", "by hand"}, Illustrative: true,
			},
			en: "Forecast of 2026-06-01 08:05: data up to 2026-06-01 08:00 Beijing time (+08:00); rain gauges cover 92 % of the area; " +
				"missing: GD-PP-003: rain: silent since 2026-06-01 04:00, GD-ZQ-001: water_level: suspect (stuck) since 2026-06-01 06:00, " +
				"GD-ZQ-002: clock is wrong; no further rain assumed; last observed outflow held; " +
				"level at GD-ZQ-003 lies outside the rating's measured range 1 to 9.5 m at some time; by hand; valid until 2026-06-01 08:15; illustrative catalogue data, not official.",
			zh: "2026-06-01 08:05预报：数据截至北京时间（+08:00）2026-06-01 08:00；雨量站控制流域面积的92 %；" +
				"缺测：GD-PP-003雨量（自2026-06-01 04:00起无报汛）、GD-ZQ-001水位（自2026-06-01 06:00起质控存疑：卡滞）、" +
				"GD-ZQ-002（clock is wrong）；假定此后无雨；水库出流按最近实测值维持；" +
				"GD-ZQ-003水位部分时段超出水位流量关系实测范围（1至9.5 m）；by hand；有效期至2026-06-01 08:15；基础资料为示例，非官方数据。",
		},
		"NoDataAtAll": {
			forecast: hydro.Forecast{IssuedAt: at, RainCoverage: math.NaN()},
			en: "Forecast of 2026-06-01 08:05: data up to (none) Beijing time (+08:00); rain gauges cover ? % of the area; " +
				"no gauge missing; valid until (not stated).",
			zh: "2026-06-01 08:05预报：数据截至北京时间（+08:00）（无）；雨量站控制流域面积的? %；无缺测站；有效期至（未定）。",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.forecast.HonestyEN(); got != c.en {
				t.Errorf("got  %s\nwant %s", got, c.en)
			}
			if got := c.forecast.HonestyZH(); got != c.zh {
				t.Errorf("got  %s\nwant %s", got, c.zh)
			}
		})
	}
}

func TestWhatTheBandHoldsIsNamedInBothLanguages(t *testing.T) {
	const spread = "the band does not hold the uncertainty of the rain forecast itself: it has no members and the catalogue no rain_spread"
	for _, c := range []struct{ basis, en, zh string }{
		{"errors of past runs without a rain forecast", "band: errors of past runs without a rain forecast", "不确定性区间依据：历次无降雨预报时的预报误差"},
		{"errors of past runs with the rain that fell", "band: errors of past runs with the rain that fell", "不确定性区间依据：历次按实况降雨计算的预报误差"},
		{
			"errors of past runs with the rain that fell; 51 rain members", "band: errors of past runs with the rain that fell; 51 rain members",
			"不确定性区间依据：历次按实况降雨计算的预报误差，降雨预报51个集合成员",
		},
		{
			"errors of past runs with the rain that fell; rain forecast times 9 factors, coefficient of variation 0.45",
			"band: errors of past runs with the rain that fell; rain forecast times 9 factors, coefficient of variation 0.45",
			"不确定性区间依据：历次按实况降雨计算的预报误差，降雨预报乘以9个系数（变差系数0.45）",
		},
	} {
		f := hydro.Forecast{BandBasis: c.basis, Notes: []string{
			spread, "no band yet at GD-ZQ-001, GD-ZQ-002: fewer than 24 past errors in a situation like this",
		}}
		en := c.en + "; " + strings.Join(f.Notes, "; ") + "; valid until"
		zh := c.zh + "；不确定性区间未含降雨预报本身的误差：无集合成员，基础资料亦无rain_spread；" +
			"GD-ZQ-001, GD-ZQ-002暂无不确定性区间（类似情形的历史误差不足24次）；有效期至"
		if got := f.HonestyEN(); !strings.Contains(got, en) {
			t.Errorf("got  %s\nwant %s", got, en)
		}
		if got := f.HonestyZH(); !strings.Contains(got, zh) {
			t.Errorf("got  %s\nwant %s", got, zh)
		}
	}
}

func TestAHundredPerCentIsSaidOnlyOfAll(t *testing.T) {
	f := hydro.Forecast{RainCoverage: 0.9999}
	g := hydro.Forecast{RainCoverage: 1}
	if f.HonestyEN() == g.HonestyEN() {
		t.Error("99.99 % reads as all")
	}
}

func TestWhatIsAnnouncedIsNamedInBothLanguages(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 5, 0, 0, time.UTC)
	f := hydro.Forecast{
		IssuedAt: at, DataCutoff: at, ValidUntil: at.Add(10 * time.Minute), RainCoverage: 1,
		RainAssumed: "rain forecast of 广东 3 km, run 2, issued 2026-05-31 20:00Z, valid until 2026-06-01 08:00Z",
		Plan: "release plan of reservoir jinjiang, ordered by 江门三防, desk 2, issued 2026-05-31 23:00Z, valid 2026-06-01 00:00Z to 2026-06-02 00:00Z; " +
			"last observed outflow held",
		Notes: []string{
			"rain forecast of old, issued 2026-05-31 08:00Z, expired at 2026-05-31 20:00Z: not used",
			"release plan of reservoir jinjiang ends at 2026-06-02 00:00Z: its last release of 300 m³/s is held",
			"rain at site town differs over the hour to 2026-06-01 00:00Z: p1 6.0 mm, w1 24.0 mm; areal rain takes that of p1",
		},
	}
	const en = "Forecast of 2026-06-01 08:05: data up to 2026-06-01 08:05 Beijing time (+08:00); rain gauges cover 100 % of the area; no gauge missing; " +
		"rain forecast of 广东 3 km, run 2, issued 2026-06-01 04:00, valid until 2026-06-01 16:00; " +
		"release plan of reservoir jinjiang, ordered by 江门三防, desk 2, issued 2026-06-01 07:00, valid 2026-06-01 08:00 to 2026-06-02 08:00; last observed outflow held; " +
		"rain forecast of old, issued 2026-05-31 16:00, expired at 2026-06-01 04:00: not used; " +
		"release plan of reservoir jinjiang ends at 2026-06-02 08:00: its last release of 300 m³/s is held; " +
		"rain at site town differs over the hour to 2026-06-01 08:00: p1 6.0 mm, w1 24.0 mm; areal rain takes that of p1; valid until 2026-06-01 08:15."
	const zh = "2026-06-01 08:05预报：数据截至北京时间（+08:00）2026-06-01 08:05；雨量站控制流域面积的100 %；无缺测站；" +
		"采用降雨预报：广东 3 km, run 2（2026-06-01 04:00发布，有效期至2026-06-01 16:00）；" +
		"采用水库jinjiang调度方案（江门三防, desk 2于2026-06-01 07:00下达，有效期2026-06-01 08:00至2026-06-02 08:00）；水库出流按最近实测值维持；" +
		"降雨预报old（2026-05-31 16:00发布）已于2026-06-01 04:00过期，未采用；" +
		"水库jinjiang调度方案至2026-06-02 08:00止，此后维持最后下泄流量300 m³/s；" +
		"站点town截至2026-06-01 08:00一小时雨量不一致：p1 6.0 mm，w1 24.0 mm，面雨量采用p1；有效期至2026-06-01 08:15。"
	if got := f.HonestyEN(); got != en {
		t.Errorf("got  %s\nwant %s", got, en)
	}
	if got := f.HonestyZH(); got != zh {
		t.Errorf("got  %s\nwant %s", got, zh)
	}
}
