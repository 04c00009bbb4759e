package hydro

import (
	"fmt"
	"strings"
	"time"
)

// A ConflictKind is what departments or stations differ in.
type ConflictKind uint8

// The kinds of conflict. Zero is none.
const (
	ThresholdConflict ConflictKind = iota + 1 // two thresholds for one stage
	DatumConflict                             // two datums of one station's levels
	OffsetConflict                            // two offsets to NATIONAL_1985
	UnknownDatum                              // levels at one site that have no datum in common
	ValueConflict                             // values at one site differ by more than the limit, for longer than the dwell
)

var conflictNames = [...]string{"", "threshold", "datum", "datum_offset", "datum_unknown", "value"}

func (k ConflictKind) String() string { return name(conflictNames[:], int(k), "conflict") }

// A Conflict is two or more parties that say different things of one subject. It
// is a task for people: nothing that Freshet computes follows from it.
type Conflict struct {
	ID       string // names kind and subject: equal in every replay, and for as long as it stands
	Kind     ConflictKind
	Basin    string
	Site     string   // "" if it is about one station
	Station  string   // "" if it is about a site
	Variable Variable // 0 for datums
	Window   time.Duration
	Stage    Stage   // of a threshold
	Limit    float64 // of values: how far they may lie apart, unit of the variable
	Since    time.Time
	Parties  []Party
}

// A Party is one side of a conflict.
type Party struct {
	Department Department // whose word it is; 0: the catalogue's own
	Station    string     // whose threshold, datum or value it is; "": the subject's
	HasValue   bool
	Value      float64 // a threshold or a value, on Datum; or m to add for NATIONAL_1985
	Datum      Datum
	Source     string
	At         time.Time // of a value: when; else since when it is in force, zero if not stated
}

// Subject is the station or the site.
func (c *Conflict) Subject() string {
	if c.Station != "" {
		return c.Station
	}
	return c.Site
}

var conflictVariablesEN = map[Variable]string{
	WaterLevel: "water level", Discharge: "discharge", Rain: "rain", Inflow: "inflow",
}

var stageZH = [...]string{"", "蓝色", "黄色", "橙色", "红色"}

// quantity names what a threshold or value is of.
func (c *Conflict) quantity() (zh, en string) {
	zh, en = variablesZH[c.Variable.String()], conflictVariablesEN[c.Variable]
	if en == "" {
		en = c.Variable.String()
	}
	if c.Window > 0 {
		h := strings.TrimSuffix(strings.TrimSuffix(c.Window.String(), "0s"), "0m")
		zh, en = h+zh, h+" "+en
	}
	return zh, en
}

// WhatZH says in Chinese what differs, without the parties.
func (c *Conflict) WhatZH() string { zh, _ := c.what(); return zh }

// WhatEN is [Conflict.WhatZH] in English.
func (c *Conflict) WhatEN() string { _, en := c.what(); return en }

func (c *Conflict) what() (zh, en string) {
	qz, qe := c.quantity()
	switch c.Kind {
	case ThresholdConflict:
		colour := ""
		if int(c.Stage) < len(stageZH) {
			colour = stageZH[c.Stage]
		}
		return colour + qz + "阈值不一致", fmt.Sprintf("%s thresholds of %s differ", c.Stage, qe)
	case DatumConflict:
		return "水位基面说法不一", "the datum of its levels is in dispute"
	case OffsetConflict:
		return "与1985国家高程基准的换算值不一致", "offsets to NATIONAL_1985 differ"
	case UnknownDatum:
		return "同址水位无共同基面，不能比较", "levels at this site have no datum in common and are not compared"
	case ValueConflict:
		return fmt.Sprintf("同址%s相差超过%.4g %s", qz, c.Limit, c.Variable.Unit()),
			fmt.Sprintf("%s at this site differs by more than %.4g %s", qe, c.Limit, c.Variable.Unit())
	}
	return c.Kind.String(), c.Kind.String()
}

// SettleZH says in Chinese how the conflict is settled.
func (c *Conflict) SettleZH() string { zh, _ := c.settle(); return zh }

// SettleEN is [Conflict.SettleZH] in English.
func (c *Conflict) SettleEN() string { _, en := c.settle(); return en }

func (c *Conflict) settle() (zh, en string) {
	switch c.Kind {
	case ThresholdConflict:
		if c.Station == "" {
			return "各部门商定同一阈值，按新的valid_from写入各站stage_tables",
				"agree on one threshold and give it in the stage_tables of these stations, with a new valid_from"
		}
		return "各部门商定同一阈值，按新的valid_from写入stage_tables，并删除或更新claims中的主张",
			"agree on one threshold, give it in stage_tables with a new valid_from, and delete or renew the claim"
	case DatumConflict:
		return "查明该站水位实际所在基面，改正datum或删除claims中的主张",
			"find out what the levels are measured from, then correct datum or delete the claim"
	case OffsetConflict:
		return "以有据可查的水准测量为准，改正datum的to_1985（及accepts），并删除或更新claims中的主张",
			"take the levelling that is on record, correct to_1985 (and accepts) of datum, and delete or renew the claim"
	case UnknownDatum:
		return "水准联测后在各站datum中写明to_1985及source，或写明accepts",
			"level the gauges and state to_1985 with its source, or accepts, in the datum of these stations"
	case ValueConflict:
		return "现场比测两套仪器并校正出错的一套；此前以authority所列测站为准",
			"compare the instruments on the spot and correct the wrong one; until then the station named by authority counts"
	}
	return "", ""
}

// Text is the party's word for people: "7.3 m (PEARL_RIVER)".
func (p *Party) Text(c *Conflict) string {
	if c.Kind == DatumConflict || c.Kind == UnknownDatum {
		if p.Datum == NoDatum {
			return "?"
		}
		return string(p.Datum)
	}
	if !p.HasValue {
		return "–"
	}
	unit := c.Variable.Unit()
	text := fmt.Sprintf("%.4g", p.Value)
	switch {
	case c.Kind == OffsetConflict:
		return fmt.Sprintf("%+.4g m", p.Value)
	case c.Variable == WaterLevel:
		text = fmt.Sprintf("%.2f", p.Value)
	}
	if text += " " + unit; p.Datum != NoDatum {
		text += " (" + string(p.Datum) + ")"
	}
	return text
}

// Line is the conflict in one English sentence, as the record has it.
func (c *Conflict) Line() string {
	parts := make([]string, len(c.Parties))
	for i := range c.Parties {
		p := &c.Parties[i]
		who := p.Station
		switch {
		case p.Department != 0 && who != "":
			who += " (" + p.Department.String() + ")"
		case p.Department != 0:
			who = p.Department.String()
		case who == "":
			who = "catalogue"
		}
		parts[i] = who + " " + p.Text(c)
	}
	return fmt.Sprintf("%s: %s: %s", c.Subject(), c.WhatEN(), strings.Join(parts, ", "))
}

// CompareDatums returns an error that wraps ErrInvalid unless levels of a station
// on these two datums can be put side by side: both known, and the same. A and b
// say whose datums they are.
func CompareDatums(station, a string, onA Datum, b string, onB Datum) error {
	if onA == onB && onA != NoDatum {
		return nil
	}
	text := func(d Datum) string {
		if d == NoDatum {
			return "no stated datum"
		}
		return string(d)
	}
	return fmt.Errorf("station %s: %s on %s and %s on %s are not comparable: ask for each by itself, or convert the one by an offset with its source: %w",
		station, a, text(onA), b, text(onB), ErrInvalid)
}
