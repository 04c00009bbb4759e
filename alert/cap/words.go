package cap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

var (
	colourZH = [...]string{"", "蓝色", "黄色", "橙色", "红色"}
	colourEN = [...]string{"", "blue", "yellow", "orange", "red"}
	// severity of the colours; docs/formats/cap.md names the source.
	severity = [...]string{"Minor", "Minor", "Moderate", "Severe", "Extreme"}
	response = [...]string{"AllClear", "Monitor", "Monitor", "Prepare", "Prepare"}
)

// alert returns the message for a warning, without identifier, times and
// references. To is the stage it speaks of, out that of what is out.
func (r *Rules) alert(w *hydro.Warning, to, out hydro.Stage) Alert {
	st, known := r.cat.Station(w.Station)
	if !known {
		st = &catalog.Station{ID: w.Station, NameZH: w.Station, NameEN: w.Station}
	}
	a := Alert{
		Sender: r.conf.Sender, Status: r.status(w, st), Scope: r.conf.Scope, Restriction: clean(r.conf.Restriction),
	}
	if !known && out != hydro.Clear { // nothing will be known of it any more
		a.MsgType = "Cancel"
		a.Note = "The station is no longer in the catalogue 该站已不在基础资料目录中"
	}
	mark := [2]string{}
	if a.Status != "Actual" {
		mark = [2]string{"【" + map[string]string{"Test": "测试", "Exercise": "演练"}[a.Status] + "】", "[" + strings.ToUpper(a.Status) + "] "}
	}
	lead := evidence(w, to)
	rain := lead.Variable == hydro.Rain
	event := [2]string{"洪水", "Flood"}
	if rain {
		event = [2]string{"暴雨", "Heavy rain"}
	}
	name := [2]string{clean(st.NameZH), clean(st.NameEN)}
	zh := Info{Language: "zh-CN", Event: event[0], SenderName: clean(r.conf.SenderNameZH), Headline: mark[0] + headZH(name[0], event[0], to, out), Description: clean(w.ReasonZH)}
	en := Info{Language: "en-US", Event: event[1], SenderName: clean(r.conf.SenderNameEN), Headline: mark[1] + headEN(name[1], event[1], to, out), Description: clean(w.ReasonEN)}
	if zh.Description == en.Description {
		zh.Description, en.Description = zh.Headline, en.Headline
	}
	if a.Status != "Actual" && (w.Illustrative || st.Illustrative || r.cat.Illustrative != "") {
		zh.Description += "\n阈值为示例，非官方标准。"
		en.Description += "\nThe thresholds are illustrative, not an official table."
	}
	i := slices.IndexFunc(r.conf.Instructions, func(x catalog.CAPInstruction) bool { return x.Stage == to })
	if i >= 0 {
		zh.Instruction = clean(r.conf.Instructions[i].ZH)
		if e := clean(r.conf.Instructions[i].EN); e != zh.Instruction {
			en.Instruction = e
		}
	}
	urgency, certain := urgencyOf(w, to, lead)
	for k, in := range []*Info{&zh, &en} {
		in.Categories, in.ResponseTypes = []string{"Met"}, []string{response[to]}
		in.Urgency, in.Severity, in.Certainty = urgency, severity[to], certain
		if urgency == "Future" || urgency == "Expected" {
			in.Onset = Time(lead.At)
		}
		in.Web, in.Contact = r.conf.Web, clean(r.conf.Contact)
		in.Parameters = parameters(k, to, st, lead, w)
		in.Areas = r.areas(k, st, name[k], known)
	}
	a.Infos = []Info{zh, en}
	return a
}

// status: what is illustrative never passes for a real warning, whatever the
// configuration says.
func (r *Rules) status(w *hydro.Warning, st *catalog.Station) string {
	if r.conf.Status == "Actual" && (w.Illustrative || st.Illustrative || r.cat.Illustrative != "" || slices.ContainsFunc(r.subBasins(st), isIllustrative)) {
		return "Test"
	}
	return r.conf.Status
}

func isIllustrative(s *catalog.SubBasin) bool { return s.Illustrative }

// evidence is the leg that asks for the stage: the observed one if both do.
func evidence(w *hydro.Warning, to hydro.Stage) *hydro.Leg {
	if w.Observed.Variable != 0 && (w.Observed.Stage >= to || w.Forecast.Variable == 0) {
		return &w.Observed
	}
	return &w.Forecast
}

// urgencyOf: what has come is Immediate; what is forecast is Expected within the
// hour ([CAP]: "soon, within next hour") and else Future.
func urgencyOf(w *hydro.Warning, to hydro.Stage, lead *hydro.Leg) (urgency, certainty string) {
	likely := "Likely"
	if lead.Basis == hydro.Likelihood && lead.Value <= 0.5 { // [CAP]: likely is more than even
		likely = "Possible"
	}
	switch {
	case to == hydro.Clear:
		return "Past", "Observed"
	case lead == &w.Observed:
		return "Immediate", "Observed"
	case lead.At.After(w.At.Add(time.Hour)):
		return "Future", likely
	case lead.At.After(w.At):
		return "Expected", likely
	default:
		return "Immediate", likely
	}
}

func headZH(name, event string, to, out hydro.Stage) string {
	switch {
	case to == hydro.Clear:
		return fmt.Sprintf("%s%s%s预警解除", name, event, colourZH[out])
	case out == hydro.Clear:
		return fmt.Sprintf("%s%s%s预警", name, event, colourZH[to])
	case to > out:
		return fmt.Sprintf("%s%s预警升级为%s", name, event, colourZH[to])
	default:
		return fmt.Sprintf("%s%s预警降级为%s", name, event, colourZH[to])
	}
}

func headEN(name, event string, to, out hydro.Stage) string {
	event = strings.ToLower(event)
	switch {
	case to == hydro.Clear:
		return fmt.Sprintf("%s: %s %s warning ends", name, colourEN[out], event)
	case out == hydro.Clear:
		return fmt.Sprintf("%s: %s %s warning", name, colourEN[to], event)
	case to > out:
		return fmt.Sprintf("%s: %s warning raised to %s", name, event, colourEN[to])
	default:
		return fmt.Sprintf("%s: %s warning lowered to %s", name, event, colourEN[to])
	}
}

// parameters: the colour has no place of its own in CAP.
func parameters(language int, to hydro.Stage, st *catalog.Station, lead *hydro.Leg, w *hydro.Warning) []Value {
	var out []Value
	add := func(zh, en, value string) {
		if value != "" {
			out = append(out, Value{[]string{zh, en}[language], value})
		}
	}
	if to != hydro.Clear {
		add("预警颜色", "colour", []string{colourZH[to], colourEN[to]}[language])
	}
	add("站码", "station", clean(st.ID))
	add("河名", "river", clean(st.River))
	if to != hydro.Clear && lead.Variable != 0 {
		basis := [2]string{"实测", "observed"}
		if lead == &w.Forecast {
			basis = [2]string{"预报", "forecast"}
		}
		add("依据", "basis", basis[language])
		measure := basisText[lead.Basis]
		add("量", "measure", measure[language])
		add("阈值", "threshold", strconv.FormatFloat(lead.Threshold, 'f', -1, 64))
		add("基面", "datum", clean(string(lead.Datum)))
	}
	return out
}

// basisText names what a threshold is of, where that is not the quantity itself.
var basisText = map[hydro.Basis][2]string{
	hydro.Rise: {"涨幅", "rise"}, hydro.OverLimit: {"超限水位", "excess over the limit level"}, hydro.Likelihood: {"超阈值概率", "chance"},
}

// areas are the station's own, those of the sub-basins that it speaks for, or a
// circle around it.
func (r *Rules) areas(language int, st *catalog.Station, name string, known bool) []Area {
	switch {
	case !known:
		return []Area{{Desc: name}}
	case len(st.Area) > 2:
		return []Area{{Desc: name, Polygons: []string{polygon(st.Area)}}}
	}
	var out []Area
	for _, s := range r.subBasins(st) {
		out = append(out, Area{Desc: clean([]string{s.NameZH, s.NameEN}[language]), Polygons: []string{polygon(s.Boundary)}})
	}
	if out == nil {
		out = []Area{{Desc: name, Circles: []string{fmt.Sprintf("%s %s", latLon([2]float64{st.Lon, st.Lat}), strconv.FormatFloat(r.conf.Radius, 'f', -1, 64))}}}
	}
	return out
}

// subBasins are those that a station without an area of its own speaks for.
func (r *Rules) subBasins(st *catalog.Station) []*catalog.SubBasin {
	if !r.conf.BySubBasin || len(st.Area) > 2 {
		return nil
	}
	return r.cat.AreasOf(st)
}

// polygon writes corners, longitude and latitude, as CAP does: the other way
// round, and closed.
func polygon(ring [][2]float64) string {
	if n := len(ring); ring[0] == ring[n-1] {
		ring = ring[:n-1]
	}
	var out []string
	for _, p := range ring {
		out = append(out, latLon(p))
	}
	return strings.Join(append(out, out[0]), " ")
}

func latLon(p [2]float64) string {
	return strconv.FormatFloat(p[1], 'f', -1, 64) + "," + strconv.FormatFloat(p[0], 'f', -1, 64)
}

// withdrawal returns the message that takes back a, for a reason.
func (r *Rules) withdrawal(a *Alert, why string) Alert {
	w := *a
	w.MsgType, w.Note, w.Infos = "Cancel", why, slices.Clone(a.Infos)
	for i := range w.Infos {
		in := &w.Infos[i]
		in.ResponseTypes, in.Instruction, in.Onset = []string{"None"}, "", ""
		if in.Urgency = "Past"; in.Language == "zh-CN" {
			in.Headline, in.Description = "撤销："+a.Infos[i].Headline, "此前发布的预警信息撤销。理由："+why
		} else {
			in.Headline, in.Description = "Withdrawn: "+a.Infos[i].Headline, "The message sent before is withdrawn. Reason: "+why
		}
	}
	return w
}
