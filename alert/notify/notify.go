// Package notify says what goes out to whom, and in which words: the receivers
// that a notify.yaml names, what each of them wants, and the requests and mails
// that carry it. It is pure: internal/outbox reads the log, the clock and the
// secrets, and sends.
//
// The robots' messages and signatures follow what DingTalk, WeCom and Feishu
// publish about their custom robots; docs/formats/notify.md says what of it was
// tried against what.
package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A Kind is what an item tells of.
type Kind string

// The kinds of item. They are the kinds of output that carry them.
const (
	Warning Kind = "warning" // the stage of a station, or its sight, changed
	Group   Kind = "group"   // a wave, or stations that are blind together, began, moved or ended
	Duty    Kind = "duty"    // what people on duty did, or have to do
	// Forecast is how far a basin's forecast can be used: that changed.
	Forecast Kind = "forecast_watch"
)

// Kinds lists all kinds in order.
var Kinds = []Kind{Warning, Group, Duty, Forecast}

// OutputKinds returns the kinds as the log calls them.
func OutputKinds() []string {
	var out []string
	for _, k := range Kinds {
		out = append(out, string(k))
	}
	return out
}

// An Item is one thing that may go out.
type Item struct {
	// ID is the idempotency key: equal whenever and however often the item is
	// sent, and no other item's.
	ID          string
	Kind        Kind
	Event       string // what happened: of a warning "raised", "lowered", "blind", "escalated", "sight" or "changed", of a group its event, of duty the event's kind, of a forecast its standing
	Basin       string
	Station     string // "" if it is about no single station
	StationZH   string
	StationEN   string
	Departments []hydro.Department // whom it concerns; none: everybody
	At          time.Time          // in the station's zone
	From, To    hydro.Stage
	// Stage is what a filter by stage compares: the highest that the item is about,
	// so that who heard of a red hears of its end.
	Stage        hydro.Stage
	Blind        bool // it is about sight, and of no stage
	TextZH       string
	TextEN       string
	Illustrative bool // the thresholds are illustrative
	Warning      *hydro.Warning
	Group        *hydro.GroupChange
	Duty         *hydro.DutyEvent
	Forecast     *hydro.ForecastWatch
}

// beijing is the zone of what no station's zone is known for.
var beijing = time.FixedZone("+08:00", 8*60*60)

// ItemOf returns what an output says to receivers, and false if it says nothing
// to them. Stations that the catalogue does not know keep their id as their name;
// cat may be nil.
func ItemOf(o hydro.Output, cat *catalog.Catalog) (Item, bool) {
	switch {
	case o.Warning != nil:
		return warningItem(o.Warning, cat), true
	case o.Group != nil:
		return groupItem(o.Group, cat), true
	case o.Duty != nil && o.Duty.Kind != hydro.Refused: // who was refused has been told
		return dutyItem(o.Duty, cat), true
	case o.Watch != nil:
		return forecastItem(o.Watch), true
	default:
		return Item{}, false
	}
}

func warningItem(w *hydro.Warning, cat *catalog.Catalog) Item {
	it := Item{
		ID: w.ID, Kind: Warning, Basin: w.Basin, From: w.From, To: w.To,
		TextZH: w.ReasonZH, TextEN: w.ReasonEN, Illustrative: w.Illustrative, Warning: w,
	}
	it.place(w.Station, w.At, cat)
	switch {
	case w.Raised():
		it.Event = "raised"
	case w.Lowered():
		it.Event = "lowered"
	case w.Escalated:
		it.Event, it.Blind = "escalated", true
	case w.To == hydro.Blind, w.Cause != "":
		it.Event, it.Blind = "blind", true
	case w.From == hydro.Blind && w.To > hydro.Clear:
		it.Event = "raised"
	case w.From == hydro.Blind, w.From == w.To:
		it.Event, it.Blind = "sight", true
	default:
		it.Event = "changed"
	}
	it.Stage = max(step(w.From), step(w.To))
	return it
}

func groupItem(g *hydro.GroupChange, cat *catalog.Catalog) Item {
	it := Item{
		// A group has one ID and many changes; keys of different kinds must not meet.
		ID:   fmt.Sprintf("group/%s/%s/%s", g.ID, g.At.UTC().Format("20060102T150405Z"), g.Event),
		Kind: Group, Event: g.Event.String(), Basin: g.Basin, From: g.Highest, To: g.Stage, Stage: max(step(g.Stage), step(g.Highest)),
		Blind: g.Kind == hydro.BlindGroup, TextZH: g.TextZH, TextEN: g.TextEN, Illustrative: g.Illustrative, Group: g,
	}
	it.place(g.Station, g.At, cat)
	it.Departments = nil
	if g.Department != 0 {
		it.Departments = append(it.Departments, g.Department)
	}
	for i := range g.Stations {
		if cat == nil {
			break
		}
		if s, ok := cat.Station(g.Stations[i].Station); ok && !slices.Contains(it.Departments, s.Department) {
			it.Departments = append(it.Departments, s.Department)
		}
	}
	if g.Count > len(g.Stations) {
		it.Departments = nil // some are not named: it may concern anybody
	}
	return it
}

func dutyItem(d *hydro.DutyEvent, cat *catalog.Catalog) Item {
	it := Item{ID: "duty/" + d.ID, Kind: Duty, Event: d.Kind, Basin: d.Basin, To: d.Stage, Stage: step(d.Stage), TextZH: d.TextZH, TextEN: d.TextEN, Duty: d}
	it.place(d.Station, d.At, cat)
	if slices.Contains(unanswered, Kind(d.Kind)) { // whoever reads it may be the one who answers
		it.Departments = nil
	}
	return it
}

// step is where a stage stands on the ladder; nobody knows for Blind.
func step(s hydro.Stage) hydro.Stage {
	if s == hydro.Blind {
		return hydro.Clear
	}
	return s
}

// place fills in the station and the instant as they are read there.
func (it *Item) place(station string, at time.Time, cat *catalog.Catalog) {
	it.Station, it.StationZH, it.StationEN, it.At = station, station, station, at.In(beijing)
	if cat == nil || station == "" {
		return
	}
	s, ok := cat.Station(station)
	if !ok {
		return
	}
	if s.NameZH != "" {
		it.StationZH = s.NameZH
	}
	if s.NameEN != "" {
		it.StationEN = s.NameEN
	}
	it.Departments = []hydro.Department{s.Department}
	it.At = at.In(s.Location())
}

var (
	stageZH = [...]string{"解除", "蓝色", "黄色", "橙色", "红色", "失明"}
	stageEN = [...]string{"clear", "BLUE", "YELLOW", "ORANGE", "RED", "BLIND"}
)

// Title returns one line that says what happened, in "zh", "en" or "both".
func (it *Item) Title(language string) string {
	return inLanguage(language, it.titleZH(), it.titleEN(), " / ")
}

func inLanguage(language, zh, en, between string) string {
	switch {
	case language == "en":
		return en
	case language == "both" && zh != en:
		return zh + between + en
	default:
		return zh
	}
}

func (it *Item) titleZH() string {
	name := it.StationZH
	switch it.Kind {
	case Group:
		return fmt.Sprintf("【%s】%s", stageZH[it.To], firstLine(it.TextZH))
	case Duty:
		return "【值班】" + firstLine(it.TextZH)
	case Forecast:
		return fmt.Sprintf("【预报】%s：%s", it.Basin, firstClause(it.TextZH))
	case Warning:
	}
	switch it.Event {
	case "raised":
		return fmt.Sprintf("【%s】%s：%s升至%s", stageZH[it.To], name, stageZH[it.From], stageZH[it.To])
	case "lowered":
		if it.To == hydro.Clear {
			return fmt.Sprintf("【解除】%s：%s解除", name, stageZH[it.From])
		}
		return fmt.Sprintf("【%s】%s：%s降至%s", stageZH[it.To], name, stageZH[it.From], stageZH[it.To])
	case "blind":
		if it.To != hydro.Blind && it.To != hydro.Clear {
			return fmt.Sprintf("【失明】%s：监测中断，维持%s", name, stageZH[it.To])
		}
		return fmt.Sprintf("【失明】%s：监测中断", name)
	case "escalated":
		return fmt.Sprintf("【失明】%s：河段上涨而监测中断，须有人查看", name)
	case "sight":
		return fmt.Sprintf("【恢复】%s：监测恢复，%s", name, stateZH(it.To))
	default:
		return fmt.Sprintf("【%s】%s", stageZH[it.To], name)
	}
}

// firstLine is a text's beginning, for a title.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	for _, end := range []string{"。", ". ", "；", "; "} {
		line, _, _ = strings.Cut(line, end)
	}
	return cut(line, 160)
}

func stateZH(s hydro.Stage) string {
	if s == hydro.Clear {
		return "无预警"
	}
	return stageZH[s]
}

func (it *Item) titleEN() string {
	name := it.StationEN
	switch it.Kind {
	case Group:
		return fmt.Sprintf("[%s] %s", stageEN[it.To], firstLine(it.TextEN))
	case Duty:
		return "[DUTY] " + firstLine(it.TextEN)
	case Forecast:
		return fmt.Sprintf("[FORECAST] %s: %s", it.Basin, firstClause(it.TextEN))
	case Warning:
	}
	switch it.Event {
	case "raised":
		return fmt.Sprintf("[%s] %s: from %s to %s", stageEN[it.To], name, stageEN[it.From], stageEN[it.To])
	case "lowered":
		return fmt.Sprintf("[%s] %s: down from %s", stageEN[it.To], name, stageEN[it.From])
	case "blind":
		if it.To != hydro.Blind && it.To != hydro.Clear {
			return fmt.Sprintf("[BLIND] %s: nobody can see, %s is held", name, stageEN[it.To])
		}
		return fmt.Sprintf("[BLIND] %s: nobody can see", name)
	case "escalated":
		return fmt.Sprintf("[BLIND] %s: blind on a rising reach, somebody must look", name)
	case "sight":
		return fmt.Sprintf("[SEEN] %s: seen again, %s", name, stageEN[it.To])
	default:
		return fmt.Sprintf("[%s] %s", stageEN[it.To], name)
	}
}

// lateAfter is from when on a message says that it comes late.
const lateAfter = 10 * time.Minute

// Text returns what an item says beneath its title. Now is the time of sending:
// what comes long after it happened says so, or it would be read as new.
func (it *Item) Text(language string, now time.Time) string {
	zh, en := it.TextZH, it.TextEN
	zh += "\n时间：" + it.At.Format("2006-01-02 15:04 -07:00")
	en += "\nTime: " + it.At.Format("2006-01-02 15:04 -07:00")
	if late := now.Sub(it.At); late > lateAfter {
		zh += fmt.Sprintf("（迟到 %s）", late.Round(time.Minute))
		en += fmt.Sprintf(" (sent %s late)", late.Round(time.Minute))
	}
	if it.Illustrative {
		zh += "\n示例阈值，非官方标准"
		en += "\nIllustrative thresholds, not an official table"
	}
	return inLanguage(language, zh, en, "\n\n")
}
