package hydro_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"freshet/internal/hydro"
)

// english finds a word that is no unit and no part of a duration.
var english = regexp.MustCompile(`[A-Za-z_]{3,}`)

// No cause leaves an English word in a Chinese sentence, whichever quantities are
// not seen and for whatever reason. Only the zone of an instant is named so.
func TestNoCauseIsEnglishInChinese(t *testing.T) {
	quantities := []string{"", "water level ", "flow ", "rain ", "water level and flow ", "inflow and rain ", "gate opening ", "storage and outflow "}
	rapid.Check(t, func(t *rapid.T) {
		what := rapid.SampledFrom(quantities).Draw(t, "quantities")
		reason := hydro.RefusalReason(rapid.IntRange(1, int(hydro.NotAllowed)).Draw(t, "reason"))
		tests := hydro.Tests(rapid.IntRange(1, 1<<20-1).Draw(t, "tests"))
		cause := rapid.SampledFrom([]string{
			"never reported", "not yet reported", "not yet reported since the restart", "maintenance", "silent since 06-08 10:00", "silent",
			"refused: " + reason.String(), "refused: " + reason.String() + ": level on NAVD88 at h-enping, quality: none", "refused", "quality", "never_reported",
			"quality: " + strings.Join(tests.Names(), ", "),
		}).Draw(t, "cause")
		zh := hydro.CauseZH(what + cause)
		if zh == "" || english.MatchString(zh) || what != "" && !regexp.MustCompile("^(水位|流量|雨量|入库流量|闸门开度|蓄水量)").MatchString(zh) {
			t.Fatalf("%q is %q", what+cause, zh)
		}
	})
	for cause, want := range map[string]string{
		"water level silent since 06-08 10:00": "水位无可用数据，自 06-08 10:00 起",
		"refused: datum_mismatch: on NAVD88":   "来报被拒收（基面不符）",
		"quality: stuck, spike":                "未通过质量检查（尖峰、卡滞）",
		"":                                     "",
		"something else":                       "something else",
	} {
		if got := hydro.CauseZH(cause); got != want {
			t.Errorf("%q is %q, want %q", cause, got, want)
		}
	}
}

func TestEveryNameHasChinese(t *testing.T) {
	for bit := hydro.TestRange; bit <= hydro.NoteRainLevel; bit <<= 1 {
		if zh := bit.ZH(); len(zh) != 1 || zh[0] == "" || english.MatchString(zh[0]) {
			t.Errorf("%v is %q", bit.Names(), zh)
		}
	}
	for q := hydro.NotEvaluated; q <= hydro.Fail; q++ {
		if zh := q.ZH(); english.MatchString(zh) {
			t.Errorf("%s is %q", q, zh)
		}
	}
}

func TestFindingsInChinese(t *testing.T) {
	for why, want := range map[string]string{
		"": "",
		"range: -1 m3/s is outside the possible 0 to 15000 m3/s; late: arrived 2h after its instant":                                  "超出合理范围：-1 m3/s，可能范围 0 至 15000；迟到：晚 2h 到达",
		"counter_reset: the counter was reset or failed; what fell in 5m is not known; gap: 15m since the report before, interval 5m": "计数器归零：5m 内的雨量不明；此前缺报：距上次来报 15m，报送间隔 5m",
		"spike; site: 3.2 m, w-other has 3.9 m, limit 0.3 m, 3 reports in a row":                                                      "尖峰；与同址传感器不符：3.2 米，w-other 为 3.9 米，限值 0.3 米，连续 3 次",
		"stuck: 0.46 1e6 m3 did not move by more than 0.005 1e6 m3 for 6h, limit 6h":                                                  "卡滞：0.46 1e6 m3 在 6h 内变化不超过 0.005，限值 6h",
		"late: 97h0m0s old, beyond the 96h0m0s that quality control remembers; range: 0 mm in 5m is above 20 mm":                      "迟到：已过 97h0m0s，超出质量检查所记的 96h0m0s；超出合理范围：5m 内 0 毫米，超过 20 毫米",
		"maintenance: 换探头; revision: 2 of this instant":                                                                               "维护时段：换探头；更正：同一时刻第 2 次",
		"something new": "something new",
	} {
		if got := hydro.WhyZH(why); got != want {
			t.Errorf("%q\n is %q,\nwant %q", why, got, want)
		}
	}
}
