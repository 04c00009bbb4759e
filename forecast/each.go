package forecast

// An Each calls do once for every task from 0 to tasks-1 and returns when all have
// returned. It may do so in any order and at the same time.
type Each func(tasks int, do func(task int))

// WithEach returns the model, its runs doing by each what does not depend on each
// other: the members of an ensemble, the hindcasts of bands, and the gauges' bands. What they give is
// the same bit by bit, whatever each does. The [Source] of a run must then bear calls
// at the same time. Nil: one after the other.
func (m *Model) WithEach(each Each) *Model {
	with := *m
	with.each = each
	return &with
}

// beside does tasks that write nothing but what is their own. A panic of one is one of
// the caller: on a goroutine that each started nobody would recover from it.
func (m *Model) beside(tasks int, do func(task int)) {
	if m.each == nil || tasks < 2 {
		for i := range tasks {
			do(i)
		}
		return
	}
	panics := make([]any, tasks)
	m.each(tasks, func(i int) {
		defer func() { panics[i] = recover() }()
		do(i)
	})
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
}
