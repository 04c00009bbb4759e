package pebble

import "context"

// Flush writes the database's memory to its tables and compacts them.
func (s *Store) Flush() error {
	if err := s.db.Flush(); err != nil {
		return err
	}
	return s.db.Compact(context.Background(), []byte{0}, []byte{0xff}, false)
}
