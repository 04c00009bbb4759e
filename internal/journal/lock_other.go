//go:build !unix

package journal

import (
	"fmt"
	"os"
)

// lock makes dir. Systems without flock leave it to the user that one process
// at a time uses it.
func lock(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("lock folder: %w", err)
	}
	return func() error { return nil }, nil
}
