package wire

import (
	"freshet/alert/duty"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

var (
	alarmStatesFrom = [...]freshetv1.AlarmState{
		duty.Normal:         freshetv1.AlarmState_ALARM_STATE_NORMAL,
		duty.Unacknowledged: freshetv1.AlarmState_ALARM_STATE_UNACKNOWLEDGED,
		duty.Acknowledged:   freshetv1.AlarmState_ALARM_STATE_ACKNOWLEDGED,
		duty.Returned:       freshetv1.AlarmState_ALARM_STATE_RETURNED_UNACKNOWLEDGED,
		duty.Shelved:        freshetv1.AlarmState_ALARM_STATE_SHELVED,
		duty.OutOfService:   freshetv1.AlarmState_ALARM_STATE_OUT_OF_SERVICE,
	}
	alarmStatesTo = [...]duty.Status{ // plus one
		freshetv1.AlarmState_ALARM_STATE_NORMAL:                  duty.Normal + 1,
		freshetv1.AlarmState_ALARM_STATE_UNACKNOWLEDGED:          duty.Unacknowledged + 1,
		freshetv1.AlarmState_ALARM_STATE_ACKNOWLEDGED:            duty.Acknowledged + 1,
		freshetv1.AlarmState_ALARM_STATE_RETURNED_UNACKNOWLEDGED: duty.Returned + 1,
		freshetv1.AlarmState_ALARM_STATE_SHELVED:                 duty.Shelved + 1,
		freshetv1.AlarmState_ALARM_STATE_OUT_OF_SERVICE:          duty.OutOfService + 1,
	}
)

// FromAlarmState returns the protobuf number of s.
func FromAlarmState(s duty.Status) freshetv1.AlarmState { return from(alarmStatesFrom[:], s) }

// ToAlarmState returns the state. Unspecified is an error.
func ToAlarmState(p freshetv1.AlarmState) (duty.Status, error) {
	s, err := to(alarmStatesTo[:], p, "alarm state")
	if err != nil {
		return 0, err
	}
	return s - 1, nil
}

// FromAlarm returns an alarm of a basin. S, which may be nil, gives the names.
func FromAlarm(basin string, a *duty.Alarm, s *catalog.Station) *freshetv1.Alarm {
	p := &freshetv1.Alarm{
		Basin: basin, Station: a.Station, State: FromAlarmState(a.Status), Since: FromTime(a.Since),
		Stage: FromStage(a.Stage), Cause: a.Cause, CauseZh: hydro.CauseZH(a.Cause), RaisedAt: FromTime(a.Risen), Warning: a.Raised, LatestWarning: a.Latest,
		By: FromPerson(&a.By), Reason: a.Reason, Until: FromTime(a.Until), RoseMeanwhile: a.Unheard,
	}
	if !a.Active() && a.Raised != "" {
		p.Was = FromStage(a.Was)
	}
	if s != nil {
		p.NameZh, p.NameEn, p.Department = s.NameZH, s.NameEN, FromDepartment(s.Department)
	}
	return p
}
