package spool

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"freshet/internal/hydro"
)

// Whatever lies on the disk is read as values or refused, and what is read is
// written again as it was.
func FuzzDecodeEntry(f *testing.F) {
	f.Add(encodeEntry(nil))
	f.Add(encodeEntry([]hydro.Raw{
		{Station: "80810100", Variable: hydro.WaterLevel, Unit: hydro.UnitOwn, Value: 3.25, At: time.UnixMilli(1780272000123).UTC(), Datum: hydro.PearlRiver},
		{Station: "80810100", Variable: hydro.Rain, Unit: hydro.TenthMM, Value: 12, Local: "2026-06-01 08:00", Zone: "+08:00", Interval: time.Hour},
		{Station: "80810200", Variable: hydro.GateOpening, Sensor: 3, At: time.UnixMilli(-5).UTC()},
	}))
	f.Add([]byte{entryVersion, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		raws, err := decodeEntry(b)
		if err != nil {
			return
		}
		again := encodeEntry(raws)
		back, err := decodeEntry(again)
		if err != nil {
			t.Fatalf("%x: %v", again, err)
		}
		if fmt.Sprint(back) != fmt.Sprint(raws) || !bytes.Equal(encodeEntry(back), again) {
			t.Fatalf("%v became %v", raws, back)
		}
	})
}
