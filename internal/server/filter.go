package server

import (
	"fmt"
	"slices"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// feedKinds are the kinds of outputs that the feed carries.
var feedKinds = []string{"warning", "group", "duty", "forecast_watch"}

// A class is all that a filter looks at in a record of the feed: its kind, the
// departments that it concerns (a set, one bit each) and the stage. There are few,
// so that records can be counted by class, and what waits for a reader is known
// whatever the reader filters.
type class uint16

const (
	stageBits      = 3
	departmentBits = 3
	classes        = 4 << (stageBits + departmentBits) // 4: kinds, from 0

	everyDepartment = 1<<departmentBits - 1
	everyStage      = 1<<stageBits - 1 // of a record that no stage is too low for
)

func newClass(kind int, departments, stage uint) class {
	return class(uint(kind)<<(stageBits+departmentBits) | departments<<stageBits | stage)
}

// counts are how many records there are of each class.
type counts [classes]uint64

// A feedFilter says which records a reader wants. The zero value wants all.
type feedFilter struct {
	some bool // not all
	want [classes]bool
}

func (f *feedFilter) wants(c class) bool { return !f.some || f.want[c] }

// of returns how many of n the reader wants.
func (f *feedFilter) of(n *counts) (sum uint64) {
	for c, k := range n {
		if k != 0 && f.wants(class(c)) {
			sum += k
		}
	}
	return sum
}

func newFilter(req *freshetv1.WatchWarningsRequest) (*feedFilter, error) {
	f := &feedFilter{}
	if len(req.GetDepartments())+len(req.GetKinds()) == 0 && req.GetMinStage() == freshetv1.Stage_STAGE_UNSPECIFIED {
		return f, nil
	}
	f.some = true
	departments := uint(0)
	for _, p := range req.GetDepartments() {
		d, err := wire.ToDepartment(p)
		if err != nil {
			return nil, badField("departments", err.Error())
		}
		departments |= departmentBit(d)
	}
	if departments == 0 {
		departments = everyDepartment
	}
	var least uint
	if p := req.GetMinStage(); p != freshetv1.Stage_STAGE_UNSPECIFIED {
		s, err := wire.ToStage(p)
		if err != nil {
			return nil, badField("min_stage", err.Error())
		}
		least = uint(s)
	}
	for _, k := range req.GetKinds() {
		if !slices.Contains(feedKinds, k) {
			return nil, badField("kinds", fmt.Sprintf("%q is none of %q", k, feedKinds))
		}
	}
	for k, kind := range feedKinds {
		if len(req.GetKinds()) > 0 && !slices.Contains(req.GetKinds(), kind) {
			continue
		}
		for d := range uint(1 << departmentBits) {
			for s := range uint(1 << stageBits) {
				f.want[newClass(k, d, s)] = d&departments != 0 && s >= least
			}
		}
	}
	return f, nil
}

func departmentBit(d hydro.Department) uint { return 1 << (uint(d) - 1) & everyDepartment }

// classOf returns the class of an output of one of the feed's kinds.
func classOf(cat *catalog.Catalog, o *hydro.Output) class {
	switch {
	case o.Warning != nil:
		return newClass(0, stationDepartment(cat, o.Warning.Station), stageOfWarning(o.Warning))
	case o.Group != nil:
		return newClass(1, groupDepartments(cat, o.Group), stageOf(max(o.Group.Stage, o.Group.Highest)))
	case o.Duty != nil:
		return newClass(2, dutyDepartments(cat, o.Duty), dutyStage(o.Duty))
	case o.Watch != nil: // what no forecast tells of may hide any stage
		return newClass(3, everyDepartment, everyStage)
	default:
		return newClass(0, everyDepartment, everyStage)
	}
}

// groupDepartments are those of its stations.
func groupDepartments(cat *catalog.Catalog, g *hydro.GroupChange) (set uint) {
	if g.Count > len(g.Stations) || len(g.Stations) == 0 {
		return everyDepartment // not all are named
	}
	for i := range g.Stations {
		set |= stationDepartment(cat, g.Stations[i].Station)
	}
	return set
}

// dutyDepartments is that of the station or else of who did it.
func dutyDepartments(cat *catalog.Catalog, d *hydro.DutyEvent) uint {
	switch {
	case d.Station != "":
		return stationDepartment(cat, d.Station)
	case d.By.Department != 0 && d.Group == "" && d.Response == "":
		return departmentBit(d.By.Department)
	}
	return everyDepartment
}

// dutyStage is that of the event. What has none, no stage is too low for.
func dutyStage(d *hydro.DutyEvent) uint {
	if d.Stage == hydro.Clear {
		return everyStage
	}
	return stageOf(d.Stage)
}

func stageOf(s hydro.Stage) uint {
	if s == hydro.Blind {
		return everyStage
	}
	return uint(s)
}

// stageOfWarning is the higher one of before and after: who watches orange and
// above must see an orange end. No stage is too low for blindness: it may hide
// any stage.
func stageOfWarning(w *hydro.Warning) uint {
	if w.From == hydro.Blind || w.To == hydro.Blind || w.Cause != "" {
		return everyStage
	}
	return uint(max(w.From, w.To))
}

// stationDepartment is the department of a station; every one of a station that
// the catalogue does not know: nobody may miss it.
func stationDepartment(cat *catalog.Catalog, id string) uint {
	if cat != nil {
		if st, ok := cat.Station(id); ok {
			return departmentBit(st.Department)
		}
	}
	return everyDepartment
}
