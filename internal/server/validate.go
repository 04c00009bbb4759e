package server

import (
	"strconv"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	freshetv1 "freshet/proto/freshet/v1"
)

// The rules that the contract states for frames, by hand: protovalidate takes
// longer over a frame of a thousand reports than everything else that happens
// to it before the disk (see BenchmarkFrameRules). A test holds the two to the
// same verdicts and field paths.
const (
	maxGateway = 64
	maxReports = 10_000
	maxStation = 64
	maxLocal   = 32
	maxZone    = 40
	maxDatum   = 40
	maxGates   = 64
	maxGate    = 255
)

type violations []*errdetails.BadRequest_FieldViolation

func (v *violations) add(field, rule, description string) {
	*v = append(*v, &errdetails.BadRequest_FieldViolation{Field: field, Description: description, Reason: rule})
}

// tooLong reports whether s has more than n characters.
func tooLong(s string, n int) bool {
	return len(s) > n && utf8.RuneCountInString(s) > n
}

func (v *violations) text(s string, n int, field func() string) {
	if tooLong(s, n) {
		v.add(field(), "string.max_len", "must be at most "+strconv.Itoa(n)+" characters")
	}
}

func (v *violations) head(gateway string, sequence uint64, reports int) {
	if tooLong(gateway, maxGateway) {
		v.add("gateway", "string.max_len", "must be at most "+strconv.Itoa(maxGateway)+" characters")
	}
	if sequence == 0 {
		v.add("sequence", "uint64.gte", "must be greater than or equal to 1")
	}
	if reports > maxReports {
		v.add("reports", "repeated.max_items", "must contain no more than "+strconv.Itoa(maxReports)+" item(s)")
	}
}

func (v *violations) station(i int, station string, at *freshetv1.ObservedAt) {
	if station == "" {
		v.add(path(i, "station"), "string.min_len", "must be at least 1 characters")
	}
	v.text(station, maxStation, func() string { return path(i, "station") })
	if at == nil {
		return
	}
	if t, ok := at.Time.(*freshetv1.ObservedAt_Local); ok {
		v.text(t.Local, maxLocal, func() string { return path(i, "observed_at.local") })
	}
	if at.Zone != "" {
		v.text(at.Zone, maxZone, func() string { return path(i, "observed_at.zone") })
	}
}

func path(report int, field string) string {
	return "reports[" + strconv.Itoa(report) + "]." + field
}

func checkWeather(m *freshetv1.StreamWeatherRequest) []*errdetails.BadRequest_FieldViolation {
	var v violations
	v.head(m.GetGateway(), m.GetSequence(), len(m.GetReports()))
	for i, r := range m.GetReports() {
		v.station(i, r.GetStation(), r.GetObservedAt())
	}
	return v
}

func checkHydrology(m *freshetv1.StreamHydrologyRequest) []*errdetails.BadRequest_FieldViolation {
	var v violations
	v.head(m.GetGateway(), m.GetSequence(), len(m.GetReports()))
	for i, r := range m.GetReports() {
		v.station(i, r.GetStation(), r.GetObservedAt())
		v.text(r.GetDatum(), maxDatum, func() string { return path(i, "datum") })
	}
	return v
}

func checkWaterResources(m *freshetv1.StreamWaterResourcesRequest) []*errdetails.BadRequest_FieldViolation {
	var v violations
	v.head(m.GetGateway(), m.GetSequence(), len(m.GetReports()))
	for i, r := range m.GetReports() {
		v.station(i, r.GetStation(), r.GetObservedAt())
		v.text(r.GetDatum(), maxDatum, func() string { return path(i, "datum") })
		if len(r.GetGates()) > maxGates {
			v.add(path(i, "gates"), "repeated.max_items", "must contain no more than "+strconv.Itoa(maxGates)+" item(s)")
		}
		for j, g := range r.GetGates() {
			if g.GetGate() < 1 || g.GetGate() > maxGate {
				v.add(path(i, "gates["+strconv.Itoa(j)+"].gate"), "uint32.gte_lte", "must be greater than or equal to 1 and less than or equal to "+strconv.Itoa(maxGate))
			}
		}
	}
	return v
}
