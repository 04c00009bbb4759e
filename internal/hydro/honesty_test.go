package hydro_test

import (
	"math"
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
				MissingGauges: []string{"GD-PP-003: silent", "GD-ZQ-001: clock is wrong"}, RainCoverage: 0.9299,
				RainAssumed: "no further rain assumed", Plan: "last observed outflow held",
				Notes: []string{"level at Sanbu is above the rating"}, Illustrative: true,
			},
			en: "Forecast of 2026-06-01 08:05: data up to 2026-06-01 08:00 Beijing time (+08:00); rain gauges cover 92 % of the area; " +
				"missing: GD-PP-003: silent, GD-ZQ-001: clock is wrong; no further rain assumed; reservoirs: last observed outflow held; " +
				"level at Sanbu is above the rating; valid until 2026-06-01 08:15; illustrative catalogue data, not official.",
			zh: "2026-06-01 08:05预报：数据截至北京时间（+08:00）2026-06-01 08:00；雨量站控制流域面积的92 %；" +
				"缺测：GD-PP-003（无数据）、GD-ZQ-001（clock is wrong）；假定此后无雨；调度：水库出流按最近实测值维持；" +
				"level at Sanbu is above the rating；有效期至2026-06-01 08:15；基础资料为示例，非官方数据。",
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

func TestAHundredPerCentIsSaidOnlyOfAll(t *testing.T) {
	f := hydro.Forecast{RainCoverage: 0.9999}
	g := hydro.Forecast{RainCoverage: 1}
	if f.HonestyEN() == g.HonestyEN() {
		t.Error("99.99 % reads as all")
	}
}
