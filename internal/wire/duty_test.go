package wire_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/internal/hydro"
	"freshet/internal/wire"
)

func person() *rapid.Generator[hydro.Person] {
	return rapid.Custom(func(t *rapid.T) hydro.Person {
		return hydro.Person{
			ID: text().Draw(t, "id"), Name: name().Draw(t, "name"), Role: text().Draw(t, "role"),
			Department: rapid.SampledFrom(append([]hydro.Department{0}, hydro.Departments...)).Draw(t, "department"),
		}
	})
}

func command() *rapid.Generator[hydro.Command] {
	return rapid.Custom(func(t *rapid.T) hydro.Command {
		return hydro.Command{
			ID: name().Draw(t, "id"), Basin: name().Draw(t, "basin"), At: instant().Draw(t, "at"), By: person().Draw(t, "by"),
			Kind: rapid.SampledFrom(hydro.CommandKinds).Draw(t, "kind"), Station: text().Draw(t, "station"), Warning: text().Draw(t, "warning"),
			Group: text().Draw(t, "group"), Person: text().Draw(t, "person"), Response: text().Draw(t, "response"), Measure: text().Draw(t, "measure"),
			Message: text().Draw(t, "message"), Stage: stage().Draw(t, "stage"), Until: maybe(instant()).Draw(t, "until"), Text: text().Draw(t, "text"),
		}
	})
}

func dutyEvent() *rapid.Generator[hydro.DutyEvent] {
	return rapid.Custom(func(t *rapid.T) hydro.DutyEvent {
		d := hydro.DutyEvent{
			ID: name().Draw(t, "id"), Basin: name().Draw(t, "basin"), At: instant().Draw(t, "at"), Kind: name().Draw(t, "kind"),
			Station: text().Draw(t, "station"), Warning: text().Draw(t, "warning"), Group: text().Draw(t, "group"), Person: text().Draw(t, "person"),
			Response: text().Draw(t, "response"), Measure: text().Draw(t, "measure"), Message: text().Draw(t, "message"),
			From: text().Draw(t, "from"), To: text().Draw(t, "to"), Stage: stage().Draw(t, "stage"), Until: maybe(instant()).Draw(t, "until"),
			Command: text().Draw(t, "command"), TextZH: text().Draw(t, "zh"), TextEN: text().Draw(t, "en"),
		}
		if rapid.Bool().Draw(t, "somebody's") {
			d.By = person().Draw(t, "by")
		}
		return d
	})
}

func TestACommandThatTheLogCannotHoldIsRefused(t *testing.T) {
	good := func() hydro.Command {
		return hydro.Command{ID: "1", Basin: "b", At: time.Unix(1, 0).UTC(), By: hydro.Person{Name: "n"}, Kind: hydro.Acknowledge}
	}
	if c := good(); len(c.Check()) > 0 {
		t.Fatalf("the sound one: %v", c.Check())
	}
	for name, change := range map[string]func(*hydro.Command){
		"no id":              func(c *hydro.Command) { c.ID = "" },
		"no basin":           func(c *hydro.Command) { c.Basin = "" },
		"no time":            func(c *hydro.Command) { c.At = time.Time{} },
		"no kind":            func(c *hydro.Command) { c.Kind = "" },
		"nobody":             func(c *hydro.Command) { c.By = hydro.Person{} },
		"long id":            func(c *hydro.Command) { c.ID = strings.Repeat("号", hydro.MaxCommandID+1) },
		"long station":       func(c *hydro.Command) { c.Station = strings.Repeat("x", hydro.MaxName+1) },
		"long text":          func(c *hydro.Command) { c.Text = strings.Repeat("x", hydro.MaxCommandText+1) },
		"until in 10000":     func(c *hydro.Command) { c.Until = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"unknown stage":      func(c *hydro.Command) { c.Stage = 99 },
		"unknown department": func(c *hydro.Command) { c.By.Department = 99 },
		"not UTF-8":          func(c *hydro.Command) { c.Text = "\xff" },
	} {
		c := good()
		change(&c)
		if _, err := wire.EncodeInput(hydro.Input{Command: &c}); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("command, %s: got %v, want ErrInvalid", name, err)
		}
	}
	for name, d := range map[string]hydro.DutyEvent{
		"no id":         {Basin: "b", Kind: "k", At: time.Unix(1, 0)},
		"no basin":      {ID: "1", Kind: "k", At: time.Unix(1, 0)},
		"no kind":       {ID: "1", Basin: "b", At: time.Unix(1, 0)},
		"no time":       {ID: "1", Basin: "b", Kind: "k"},
		"unknown stage": {ID: "1", Basin: "b", Kind: "k", At: time.Unix(1, 0), Stage: 99},
	} {
		if _, err := wire.EncodeOutput(1, 0, hydro.Output{Duty: &d}); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("event, %s: got %v, want ErrInvalid", name, err)
		}
	}
}
