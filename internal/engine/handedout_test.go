package engine_test

import (
	"bytes"
	"encoding/gob"
	"testing"

	"pgregory.net/rapid"

	"freshet/internal/hydro"
)

// What the engine has handed out is read on other goroutines while the engine goes
// on: it must not write to it again. The forecast's arithmetic is not instrumented
// for the race detector (see the Makefile), so that this is held here.
func TestWhatIsHandedOutIsNeverWrittenAgain(t *testing.T) {
	c, basin := loadGated(t)
	base := begin(t, c, basin)
	rapid.Check(t, func(t *rapid.T) {
		type handed struct {
			Outputs  []hydro.Output
			Forecast *hydro.Forecast
			Statuses []hydro.StationStatus
		}
		var out []handed
		var before [][]byte
		encode := func(h handed) []byte {
			var b bytes.Buffer
			if err := gob.NewEncoder(&b).Encode(h); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}
		e := base.Fork()
		ins := drawHistory(t, c, basin).inputs(asSent)
		for _, in := range ins {
			outs, err := e.Apply(in)
			if err != nil {
				t.Fatal(err)
			}
			h := handed{outs, e.Forecast(), e.Statuses()}
			out, before = append(out, h), append(before, encode(h))
		}
		for i, h := range out {
			if !bytes.Equal(encode(h), before[i]) {
				t.Fatalf("what was handed out with input %d of %d was written to afterwards", ins[i].Seq, len(ins)+1)
			}
		}
	})
}
