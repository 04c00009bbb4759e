package memory_test

import (
	"testing"

	"freshet/internal/store"
	"freshet/internal/store/memory"
	"freshet/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return memory.New() })
}
