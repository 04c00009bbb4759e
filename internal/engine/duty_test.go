package engine_test

import (
	"testing"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
)

func command(basin, id string, kind hydro.CommandKind) *hydro.Command {
	return &hydro.Command{ID: id, Basin: basin, At: start.Add(time.Hour), By: hydro.Person{ID: "token a", Name: "n", Role: "officer"}, Kind: kind}
}

func TestACommandIsAnsweredOnceAndItsAnswerSurvivesASnapshot(t *testing.T) {
	c, basin := load(t)
	e := begin(t, c, basin).Fork()
	seq := e.Seq()
	first := apply(t, e, []hydro.Input{{Seq: seq + 1, Command: command(basin, "1", "sing")}})
	if len(first) != 1 || first[0].Duty == nil {
		t.Fatalf("outputs: %+v", first)
	}
	d := first[0].Duty
	if d.Kind != hydro.Refused || d.Command != "1" || d.By.Name != "n" || d.Basin != basin || d.TextZH == "" || d.TextEN == "" || d.ID == "" {
		t.Errorf("%+v", d)
	}
	data, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	restored, err := engine.Restore(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]*engine.Engine{"the engine": e, "the restored one": restored} {
		if outs := apply(t, e, []hydro.Input{{Seq: seq + 2, Command: command(basin, "1", "sing")}}); len(outs) > 0 {
			t.Errorf("%s obeys a resend: %+v", name, outs)
		}
		a, ok := e.Answer("1")
		if !ok || len(a.Events) != 1 {
			t.Fatalf("%s does not know the command: %+v", name, a)
		}
		same(t, name+"'s answer", *d, a.Events[0])
		at := max(e.Now().Sub(start), time.Hour) // of the command
		apply(t, e, []hydro.Input{{Seq: seq + 3, Tick: &hydro.Tick{At: start.Add(at + 48*time.Hour)}}})
		if _, ok := e.Answer("1"); !ok {
			t.Errorf("%s has forgotten the command within 48 h", name)
		}
		apply(t, e, []hydro.Input{{Seq: seq + 4, Tick: &hydro.Tick{At: start.Add(at + 48*time.Hour + time.Second)}}})
		if _, ok := e.Answer("1"); ok {
			t.Errorf("%s still knows the command after 48 h", name)
		}
	}
}

func TestACommandBeforeAnyCatalogueIsRefusedAndAnotherBasinsIsAnError(t *testing.T) {
	e := engine.New("b")
	outs := apply(t, e, []hydro.Input{{Seq: 1, Command: command("b", "1", hydro.Acknowledge)}})
	if len(outs) != 1 || outs[0].Duty == nil || outs[0].Duty.Kind != hydro.Refused {
		t.Errorf("outputs: %+v", outs)
	}
	if _, err := e.Apply(hydro.Input{Seq: 2, Command: command("c", "2", hydro.Acknowledge)}); err == nil {
		t.Error("a command of another basin was applied")
	}
}
