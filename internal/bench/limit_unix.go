//go:build unix

package bench

import (
	"fmt"
	"syscall"
	"time"

	"freshet/internal/hydro"
)

// needFiles says so if this process may not open as many connections. Go has
// raised the soft limit to the hard one already.
func needFiles(n int) error {
	const others = 200
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if l.Max < uint64(n+others) {
		return fmt.Errorf("%d watchers need %d open files in a process, and %d are allowed: raise the limit (`ulimit -n %d`, LimitNOFILE= of systemd) or have fewer watchers: %w",
			n, n+others, l.Max, n+others, hydro.ErrInvalid)
	}
	return nil
}

// cpuTime is the processor time that this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
