package wire

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/ingest/reconcile"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// FromItems returns readings that the history holds as protobuf.
func FromItems(items []reconcile.Item) []*freshetv1.HeldReading {
	out := make([]*freshetv1.HeldReading, len(items))
	for i, it := range items {
		out[i] = &freshetv1.HeldReading{UnixMs: it.At, IntervalS: it.Interval, Raw: it.Raw}
	}
	return out
}

// ToItems is the reverse of [FromItems].
func ToItems(held []*freshetv1.HeldReading) []reconcile.Item {
	out := make([]reconcile.Item, len(held))
	for i, h := range held {
		out[i] = reconcile.Item{At: h.GetUnixMs(), Interval: h.GetIntervalS(), Raw: h.GetRaw()}
	}
	return out
}

// FromDay returns count and hash of the sorted items that were sent of a series,
// named as its gateway names it, in [from, to).
func FromDay(k hydro.Key, from, to time.Time, sent []reconcile.Item) *freshetv1.SeriesDay {
	return &freshetv1.SeriesDay{
		Station: k.Station, Variable: FromVariable(k.Variable), Sensor: uint32(k.Sensor),
		From: timestamppb.New(from), To: timestamppb.New(to), Count: uint32(len(sent)), Hash: reconcile.Hash(sent),
	}
}
