package callout_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"freshet/alert/callout"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// The files of the drill: a basin, and three departments with the command that
// comes after them.
var (
	base    = read("basin.yaml")
	rosters = read("rosters.yaml")
)

func read(name string) string {
	data, err := os.ReadFile(filepath.Join("testdata", "catalog", name))
	if err != nil {
		panic(err)
	}
	return string(data)
}

func compile(t testing.TB, text string) *callout.Rules {
	t.Helper()
	c, problems := catalog.Load([]hydro.File{{Name: "a.yaml", Data: []byte(base)}, {Name: "rosters.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	r, err := callout.Compile(c, "b")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var zone = time.FixedZone("", 8*3600)

// three in the night, in Beijing.
var start = time.Date(2026, 6, 9, 3, 0, 0, 0, zone).UTC()

func warn(station string, at time.Time, from, to hydro.Stage, group string) hydro.Warning {
	return hydro.Warning{
		ID: fmt.Sprintf("b/%s/%s", at.UTC().Format("20060102T150405Z"), station), Basin: "b", Station: station, At: at, From: from, To: to, Group: group,
		ReasonZH: station + "达" + to.String(), ReasonEN: station + " at " + to.String(),
	}
}

// lines writes events as the golden log has them.
func lines(b *strings.Builder, events []hydro.DutyEvent) {
	for i := range events {
		e := &events[i]
		fmt.Fprintf(b, "%s %s | %s\n", e.At.In(zone).Format("15:04:05"), e.Kind, e.TextEN)
	}
}

var officer = hydro.Person{ID: "o1", Name: "Example O", Department: hydro.Hydrology, Role: "officer"}
