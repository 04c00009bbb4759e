// Package rehearse answers what would happen if: other rain, other releases, a
// wetter soil, gauges lost, another threshold. It runs the basin's forecast once as
// it is and once as asked, from the same water at the same T0, and walks the stages,
// groups and emergency plans through the answer.
//
// It is pure: a [engine.Footing], which a fork of an engine gives, and a [Scenario]
// go in, an [Outcome] comes out. There is no way from here to a log, a feed or an
// engine that lives. docs/models/rehearsal.md has what is assumed.
package rehearse
