package app

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// each does tasks on as many goroutines as there are processors.
func each(tasks int, do func(task int)) {
	var next atomic.Int64
	var running sync.WaitGroup
	for range min(runtime.NumCPU(), tasks) {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(tasks); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	running.Wait()
}
