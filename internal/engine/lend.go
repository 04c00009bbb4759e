package engine

import "freshet/forecast"

// Lend gives the engine somebody who does side by side what a forecast run has of
// that kind ([forecast.Model.WithEach]). No output hangs on it, a fork has it too, and
// a snapshot does not.
func (e *Engine) Lend(each forecast.Each) { e.each = each }
