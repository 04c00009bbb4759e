package hydro

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A ForecastStanding says how far the forecast of a basin can be used. 0 is that of
// a basin for which no run was due yet.
type ForecastStanding uint8

// The standings, the best first.
const (
	ForecastValid   ForecastStanding = iota + 1 // the latest run is whole and valid
	ForecastPartial                             // the latest run is valid and has holes
	ForecastFailed                              // the latest run that was due failed, an earlier one is still valid
	ForecastExpired                             // there was a run, and none is valid any more
	ForecastNone                                // a run was due, and none has ever succeeded
)

// ForecastStandings lists all standings, the best first.
var ForecastStandings = []ForecastStanding{ForecastValid, ForecastPartial, ForecastFailed, ForecastExpired, ForecastNone}

var standings = [...]struct{ en, zh string }{{"", ""}, {"valid", "有效"}, {"partial", "不完整"}, {"failed", "未更新"}, {"expired", "已过期"}, {"none", "无"}}

func (s ForecastStanding) String() string {
	if int(s) < len(standings) {
		return standings[s].en
	}
	return fmt.Sprintf("standing %d", uint8(s))
}

// ZH returns the standing in Chinese.
func (s ForecastStanding) ZH() string {
	if int(s) < len(standings) {
		return standings[s].zh
	}
	return s.String()
}

// A ForecastHole is a node of the network for which a run has no forecast: what is
// computed there has no solution, or its water comes from where there is none.
type ForecastHole struct {
	Node    string
	Station string // "" if the node has none
	Why     string // what has no solution, with its numbers
	WhyZH   string
	From    time.Time // the first instant without a solution
}

// SameReason reports whether what has no solution is the same for both.
func (h *ForecastHole) SameReason(o *ForecastHole) bool { return h.Why == o.Why && h.WhyZH == o.WhyZH }

// A ForecastWatch is the standing of a basin's forecast.
type ForecastWatch struct {
	Basin      string
	Standing   ForecastStanding
	Since      time.Time      // the standing is as it is from here on
	IssuedAt   time.Time      // of the latest run that succeeded; zero: none has
	ValidUntil time.Time      // of that run
	Holes      []ForecastHole // of that run, while it is valid
	Detail     string         // for people
	DetailZH   string
	At         time.Time // of this statement
}

// namedHoles is how many stations a sentence names.
const namedHoles = 8

// Tell fills in Detail and DetailZH. Failure is why the latest run failed, "" if it
// did not; name returns a station's names.
func (w *ForecastWatch) Tell(failure string, name func(id string) (zh, en string)) {
	issued, valid := beijingTime(w.IssuedAt, "–"), beijingTime(w.ValidUntil, "–")
	holesZH, holesEN := tellHoles(w.Holes, name)
	failedZH, failedEN := "此后未再计算成功", "no run has succeeded since"
	if failure != "" {
		failedZH, failedEN = "最近一次计算失败："+failure, "the latest run failed: "+failure
	}
	switch w.Standing {
	case ForecastValid:
		w.DetailZH = fmt.Sprintf("预报完整有效：%s发布，有效期至%s。", issued, valid)
		w.Detail = fmt.Sprintf("The forecast is whole: issued %s, valid until %s.", issued, valid)
	case ForecastPartial:
		w.DetailZH = fmt.Sprintf("预报不完整：%s发布，%s；其余各站有效期至%s。", issued, holesZH, valid)
		w.Detail = fmt.Sprintf("The forecast is partial: issued %s, %s; that of the other stations is valid until %s.", issued, holesEN, valid)
	case ForecastFailed:
		w.DetailZH = fmt.Sprintf("预报未能更新：%s。上次预报%s发布，有效期至%s", failedZH, issued, valid)
		w.Detail = fmt.Sprintf("The forecast could not be renewed: %s. The run issued %s is valid until %s", failedEN, issued, valid)
		if len(w.Holes) > 0 {
			w.DetailZH, w.Detail = w.DetailZH+"；其中"+holesZH, w.Detail+"; in it "+holesEN
		}
		w.DetailZH, w.Detail = w.DetailZH+"。", w.Detail+"."
	case ForecastExpired:
		w.DetailZH = fmt.Sprintf("预报已过期：上次预报%s发布，有效期至%s；%s。现无可用预报，不等于无险。", issued, valid, failedZH)
		w.Detail = fmt.Sprintf("The forecast has expired: the last run was issued %s and valid until %s; %s. There is no forecast to rely on; that does not mean safety.", issued, valid, failedEN)
	case ForecastNone:
		w.DetailZH = fmt.Sprintf("无预报：%s。不等于无险。", failedZH)
		w.Detail = fmt.Sprintf("There is no forecast: %s. That does not mean safety.", failedEN)
	default:
		w.DetailZH, w.Detail = "尚未到预报时间。", "No run was due yet."
	}
}

// tellHoles names the stations without a forecast and what has no solution.
func tellHoles(holes []ForecastHole, name func(id string) (zh, en string)) (zh, en string) {
	var zhs, ens, whyZH, whyEN []string
	n := 0
	for i := range holes {
		h := &holes[i]
		if !slices.Contains(whyEN, h.Why) {
			whyZH, whyEN = append(whyZH, h.WhyZH), append(whyEN, h.Why)
		}
		if h.Station == "" {
			continue
		}
		if n++; n <= namedHoles {
			z, e := name(h.Station)
			zhs, ens = append(zhs, z), append(ens, e)
		}
	}
	switch {
	case n == 0:
		zh, en = "无测站缺预报，但部分节点缺预报", "no station but some nodes lack a forecast"
	case n > namedHoles:
		zh = fmt.Sprintf("%s等%d站无预报", strings.Join(zhs, "、"), n)
		en = fmt.Sprintf("no forecast at %s and %d more stations", strings.Join(ens, ", "), n-namedHoles)
	default:
		zh, en = strings.Join(zhs, "、")+"无预报", "no forecast at "+strings.Join(ens, ", ")
	}
	return zh + "（" + inBeijing(strings.Join(whyZH, "；")) + "）", en + " (" + inBeijing(strings.Join(whyEN, "; ")) + ")"
}
