package link_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"freshet/ingest/sl651"
)

// A link that keeps the order but loses packets and sends runs of them twice: each
// message that is acknowledged was handled as it was sent, and nothing else was
// handled. The station goes on to the next message when one is acknowledged.
func TestPacketsOverABadLink(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type message struct {
			body  []byte
			parts []sl651.Frame
		}
		var all []message
		for serial := range uint16(rapid.IntRange(1, 4).Draw(rt, "messages")) {
			m := &sl651.Message{Centre: 1, Station: address, Function: sl651.Timer, End: sl651.ETX, Serial: serial + 1, Sent: sl651.Stamp{0x26, 6, 1, 8, byte(serial), 0}}
			m.Groups = []sl651.Group{sl651.StationGroup(sl651.Hex, address, 'H'), sl651.ObservedGroup(sl651.Hex, m.Sent)}
			for range 4 { // few values, so that packets of two messages are often equal
				g, err := sl651.NumberGroup(sl651.Hex, 0x39, float64(rapid.IntRange(1, 2).Draw(rt, "level")))
				if err != nil {
					rt.Fatalf("%v", err)
				}
				m.Groups = append(m.Groups, g)
			}
			parts, err := m.Split(8) // the first packet holds serial number and send time, and no more
			if err != nil {
				rt.Fatalf("%v", err)
			}
			all = append(all, message{m.AppendBody(nil), parts})
		}
		lost := rapid.SliceOfN(rapid.IntRange(0, 9), 200, 200).Draw(rt, "lost")
		twice := rapid.SliceOfN(rapid.IntRange(0, 30), 200, 200).Draw(rt, "twice")
		step := 0
		next := func(from []int) int { step++; return from[step%len(from)] }

		synctest.Test(t, func(t *testing.T) {
			c := newCentre(t, nil)
			l := c.dial()
			send := func(frames []sl651.Frame, clean bool) {
				for i := range frames {
					if !clean && next(lost) < 2 {
						continue
					}
					l.send(encode(t, frames[i]))
					if n := next(twice); !clean && n <= i+1 && n > 0 {
						for _, f := range frames[i+1-n : i+1] {
							l.send(encode(t, f))
						}
					}
				}
				synctest.Wait()
			}
			for i, m := range all {
				acked := false
				for pass := 0; !acked; pass++ {
					send(m.parts, pass > 5)
					for len(l.in) > 0 && !acked {
						a, err := sl651.Parse(<-l.in)
						if err != nil {
							t.Fatal(err)
						}
						switch {
						case a.End == sl651.NAK && int(a.Packet) <= len(m.parts):
							again := m.parts[a.Packet-1]
							again.End = sl651.ETX
							send([]sl651.Frame{again}, pass > 5)
						case a.End == sl651.ESC && a.Serial == uint16(i+1):
							acked = true
						}
					}
					if pass > 20 {
						t.Fatalf("message %d of %d packets is never acknowledged", i+1, len(m.parts))
					}
					if !acked && pass%3 == 2 {
						time.Sleep(3 * time.Minute)
					}
				}
			}
			done := map[uint16]int{}
			for _, m := range c.messages() {
				done[m.Serial]++
				if m.Serial == 0 || int(m.Serial) > len(all) || !bytes.Equal(m.AppendBody(nil), all[m.Serial-1].body) || m.Fault != nil {
					t.Errorf("message %d was handled with other values: %+v", m.Serial, m.Message)
				}
			}
			if len(done) != len(all) {
				t.Errorf("%d of %d messages were handled", len(done), len(all))
			}
		})
	})
}

// Packets that are late or sent twice never make one message out of two: the time
// of the one with the values of the other would be a false reading that was
// acknowledged.
func TestTrapPacketsOfTwoMessages(t *testing.T) {
	levels := func(serial uint16, z float64) []sl651.Frame {
		m := &sl651.Message{Centre: 1, Station: address, Function: sl651.Timer, End: sl651.ETX, Serial: serial, Sent: sl651.Stamp{0x26, 6, 1, 8, byte(serial), 0}}
		g, err := sl651.NumberGroup(sl651.Hex, 0x39, z)
		if err != nil {
			t.Fatal(err)
		}
		m.Groups = []sl651.Group{sl651.StationGroup(sl651.Hex, address, 'H'), sl651.ObservedGroup(sl651.Hex, m.Sent), g, g, g, g}
		parts, err := m.Split(16)
		if err != nil {
			t.Fatal(err)
		}
		return parts
	}
	old, fresh := levels(1, 2.5), levels(2, 9.5)
	for name, stream := range map[string][][]sl651.Frame{
		"the end of the old one again, then the new one":                        {old, old[1:], fresh},
		"the end of the old one again, then the new one without its end":        {old, old[1:], fresh[:2], fresh},
		"the end of the old one again, then the new one without its beginning":  {old, old[1:], fresh[1:], fresh},
		"the beginning of the old one again, then the new one":                  {old, old[:3], fresh},
		"the beginning of the old one again, then the end of the new one":       {old, old[:3], fresh[3:], fresh},
		"the beginning of the old one again, then the new one without its head": {old, old[:3], fresh[1:], fresh},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCentre(t, nil)
				l := c.dial()
				for _, part := range stream {
					for _, f := range part {
						l.send(encode(t, f))
					}
					synctest.Wait()
				}
				acked := map[uint16]bool{}
				for len(l.in) > 0 {
					m, err := sl651.Parse(<-l.in)
					if err != nil {
						t.Fatal(err)
					}
					if m.End == sl651.ESC {
						acked[m.Serial] = true
					}
				}
				safe := map[uint16]bool{}
				for _, m := range c.messages() {
					safe[m.Serial] = true
					want := map[uint16]float64{1: 2.5, 2: 9.5}[m.Serial]
					for _, g := range m.Groups[2:] {
						if v, err := g.Number(); err != nil || v != want {
							t.Errorf("message %d holds %g, %v", m.Serial, v, err)
						}
					}
				}
				if !acked[1] || !acked[2] || !safe[1] || !safe[2] {
					t.Errorf("acknowledged %v, safe %v", acked, safe)
				}
			})
		})
	}
}
