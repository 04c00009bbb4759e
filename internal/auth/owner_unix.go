//go:build unix

package auth

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// keepOwner gives files to the owner of the folder they are in, if this is root:
// else the service, which is not root, could not read what root wrote.
func keepOwner(dir string, files ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("owner of the folder: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	var errs []error
	for _, f := range files {
		errs = append(errs, os.Chown(f, int(st.Uid), int(st.Gid)))
	}
	return errors.Join(errs...)
}
