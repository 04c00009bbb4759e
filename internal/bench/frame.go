package bench

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// appendFrame appends one frame with the reports from to to of the gateway, in
// the wire format of Stream…Request. A test holds it against the generated code.
func (g *gateway) appendFrame(b []byte, sequence uint64, from, to int) []byte {
	if sequence == 1 {
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		b = protowire.AppendString(b, g.name)
	}
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	b = protowire.AppendVarint(b, sequence)
	var scratch [256]byte
	for i := from; i < to; i++ {
		report := g.appendReport(scratch[:0], i)
		b = protowire.AppendTag(b, 3, protowire.BytesType)
		b = protowire.AppendBytes(b, report)
	}
	return b
}

func (g *gateway) appendReport(b []byte, i int) []byte {
	station, at := g.report(i)
	phase := g.phase(station, at)
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendString(b, g.stations[station])
	ms := uint64(at.UnixMilli())
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(1+protowire.SizeVarint(ms)))
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	b = protowire.AppendVarint(b, ms)
	seconds := uint64(g.interval().Seconds())
	switch g.department {
	case hydro.Hydrology:
		b = appendDouble(b, 3, waves.level[phase])
		b = protowire.AppendTag(b, 4, protowire.BytesType)
		b = protowire.AppendString(b, string(hydro.PearlRiver))
		b = appendDouble(b, 5, waves.discharge[phase])
		b = appendDouble(b, 6, waves.rain[phase])
		b = protowire.AppendTag(b, 7, protowire.VarintType)
		b = protowire.AppendVarint(b, seconds)
	case hydro.Weather:
		b = protowire.AppendTag(b, 3, protowire.VarintType)
		b = protowire.AppendVarint(b, seconds)
		b = appendDouble(b, 4, math.Round(waves.rain[phase]*10))
		b = protowire.AppendTag(b, 5, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(freshetv1.RainUnit_RAIN_UNIT_TENTH_MM))
	default:
		b = appendDouble(b, 3, waves.level[phase]+60)
		b = protowire.AppendTag(b, 4, protowire.BytesType)
		b = protowire.AppendString(b, string(hydro.PearlRiver))
		b = appendDouble(b, 5, waves.storage[phase]*100)
		b = protowire.AppendTag(b, 6, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(freshetv1.StorageUnit_STORAGE_UNIT_WAN_M3))
		b = appendDouble(b, 7, waves.discharge[phase])
		b = appendDouble(b, 8, waves.discharge[(phase+1000)&1023])
		b = protowire.AppendTag(b, 9, protowire.BytesType)
		b = protowire.AppendVarint(b, 11)
		b = protowire.AppendTag(b, 1, protowire.VarintType)
		b = protowire.AppendVarint(b, 1)
		b = appendDouble(b, 2, 0.5+waves.rain[phase])
	}
	return b
}

func appendDouble(b []byte, field protowire.Number, v float64) []byte {
	b = protowire.AppendTag(b, field, protowire.Fixed64Type)
	return protowire.AppendFixed64(b, math.Float64bits(v))
}
