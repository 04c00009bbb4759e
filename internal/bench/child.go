package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// A child is a process that can be killed and started again in its place.
type child struct {
	binary, log string
	args        []string
	cmd         *exec.Cmd
}

func (c *child) start() error {
	out, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	c.cmd = exec.Command(c.binary, c.args...)
	c.cmd.Stderr = out
	return errors.Join(c.cmd.Start(), out.Close())
}

// kill is kill -9.
func (c *child) kill() {
	if c.cmd == nil || c.cmd.ProcessState != nil {
		return
	}
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait() // says that it was killed
}

// stop is SIGTERM; the command answers it with 0 or 130.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := c.cmd.Wait()
	if c.cmd.ProcessState.ExitCode() == 130 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w; see %s", c.args[0], err, c.log)
	}
	return nil
}
