package influx_test

import (
	"fmt"
	"testing"

	"freshet/internal/store"
	"freshet/internal/store/influx"
	"freshet/internal/store/influx/influxtest"
	"freshet/internal/store/storetest"
)

func open(t testing.TB, options influx.Options) *influx.Store {
	t.Helper()
	s, err := influx.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestConformance runs the suite against a real server, each case in a
// database of its own.
func TestConformance(t *testing.T) {
	server := influxtest.Run(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, influx.Options{URL: server.URL, Bucket: fmt.Sprint("case", n), CreateBucket: true})
	})
}
