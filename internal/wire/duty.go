package wire

import (
	"fmt"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// FromPerson returns p as protobuf, and nil for nobody.
func FromPerson(p *hydro.Person) *freshetv1.Person {
	if *p == (hydro.Person{}) {
		return nil
	}
	return &freshetv1.Person{Id: p.ID, Name: p.Name, Department: FromDepartment(p.Department), Role: p.Role}
}

// ToPerson returns the person, nobody for nil.
func ToPerson(p *freshetv1.Person) (hydro.Person, error) {
	out := hydro.Person{ID: p.GetId(), Name: p.GetName(), Role: p.GetRole()}
	if p.GetDepartment() == freshetv1.Department_DEPARTMENT_UNSPECIFIED {
		return out, nil
	}
	var err error
	out.Department, err = ToDepartment(p.GetDepartment())
	return out, err
}

// FromCommand returns c as protobuf.
func FromCommand(c *hydro.Command) *freshetv1.Command {
	return &freshetv1.Command{
		Id: c.ID, Basin: c.Basin, At: FromTime(c.At), By: FromPerson(&c.By), Kind: string(c.Kind),
		Station: c.Station, Warning: c.Warning, Group: c.Group, Person: c.Person,
		Response: c.Response, Measure: c.Measure, Message: c.Message,
		Stage: FromStage(c.Stage), Until: FromTime(c.Until), Text: c.Text,
	}
}

// ToCommand returns the command. A kind that this version does not know is let
// through: the engine refuses it.
func ToCommand(p *freshetv1.Command) (hydro.Command, error) {
	c := hydro.Command{
		ID: p.GetId(), Basin: p.GetBasin(), Kind: hydro.CommandKind(p.GetKind()),
		Station: p.GetStation(), Warning: p.GetWarning(), Group: p.GetGroup(), Person: p.GetPerson(),
		Response: p.GetResponse(), Measure: p.GetMeasure(), Message: p.GetMessage(), Text: p.GetText(),
	}
	var err error
	if c.At, err = ToTime("at", p.GetAt()); err != nil {
		return hydro.Command{}, err
	}
	if c.Until, err = optionalTime("until", p.GetUntil()); err != nil {
		return hydro.Command{}, err
	}
	if c.By, err = ToPerson(p.GetBy()); err != nil {
		return hydro.Command{}, fmt.Errorf("by.%w", err)
	}
	if c.Stage, err = ToStage(p.GetStage()); err != nil {
		return hydro.Command{}, err
	}
	return c, checkCommand(&c)
}

// checkCommand returns an error unless c can go to the log and come back equal.
func checkCommand(c *hydro.Command) error {
	if err := hydro.Firsts(c.Check()); err != nil {
		return err
	}
	return checkDuty(c.By, c.Stage, validTimes(c.At, c.Until))
}

func checkDuty(by hydro.Person, stage hydro.Stage, times bool) error {
	switch {
	case !times:
		return fmt.Errorf("a time is out of range: %w", hydro.ErrInvalid)
	case FromStage(stage) == 0:
		return fmt.Errorf("stage: %d is not known: %w", stage, hydro.ErrInvalid)
	case by.Department != 0 && FromDepartment(by.Department) == 0:
		return fmt.Errorf("by.department: %d is not known: %w", by.Department, hydro.ErrInvalid)
	}
	return nil
}

// FromDutyEvent returns d as protobuf.
func FromDutyEvent(d *hydro.DutyEvent) *freshetv1.DutyEvent {
	return &freshetv1.DutyEvent{
		Id: d.ID, Basin: d.Basin, At: FromTime(d.At), Kind: d.Kind,
		Station: d.Station, Warning: d.Warning, Group: d.Group, Person: d.Person,
		Response: d.Response, Measure: d.Measure, Message: d.Message,
		By: FromPerson(&d.By), From: d.From, To: d.To, Stage: FromStage(d.Stage), Until: FromTime(d.Until),
		Command: d.Command, TextZh: d.TextZH, TextEn: d.TextEN,
	}
}

// ToDutyEvent returns the event. Its id, basin, time and kind must be there.
func ToDutyEvent(p *freshetv1.DutyEvent) (hydro.DutyEvent, error) {
	d := hydro.DutyEvent{
		ID: p.GetId(), Basin: p.GetBasin(), Kind: p.GetKind(),
		Station: p.GetStation(), Warning: p.GetWarning(), Group: p.GetGroup(), Person: p.GetPerson(),
		Response: p.GetResponse(), Measure: p.GetMeasure(), Message: p.GetMessage(),
		From: p.GetFrom(), To: p.GetTo(), Command: p.GetCommand(), TextZH: p.GetTextZh(), TextEN: p.GetTextEn(),
	}
	var err error
	if d.At, err = ToTime("at", p.GetAt()); err != nil {
		return hydro.DutyEvent{}, err
	}
	if d.Until, err = optionalTime("until", p.GetUntil()); err != nil {
		return hydro.DutyEvent{}, err
	}
	if d.By, err = ToPerson(p.GetBy()); err != nil {
		return hydro.DutyEvent{}, fmt.Errorf("by.%w", err)
	}
	if d.Stage, err = ToStage(p.GetStage()); err != nil {
		return hydro.DutyEvent{}, err
	}
	return d, checkDutyEvent(&d)
}

// checkDutyEvent returns an error unless d can go to the log and come back equal.
func checkDutyEvent(d *hydro.DutyEvent) error {
	switch {
	case d.ID == "":
		return fmt.Errorf("id: missing: %w", hydro.ErrInvalid)
	case d.Basin == "":
		return fmt.Errorf("basin: missing: %w", hydro.ErrInvalid)
	case d.Kind == "":
		return fmt.Errorf("kind: missing: %w", hydro.ErrInvalid)
	case d.At.IsZero():
		return fmt.Errorf("at: missing: %w", hydro.ErrInvalid)
	}
	return checkDuty(d.By, d.Stage, validTimes(d.At, d.Until))
}
