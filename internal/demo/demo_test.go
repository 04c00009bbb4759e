package demo_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"freshet/internal/app"
	"freshet/internal/demo"
	"freshet/internal/termui"
)

func options() demo.Options {
	o := demo.Options{App: app.DefaultOptions(), Now: time.Now, Seed: 1, Lang: termui.English}
	o.App.Catalog = "../../deploy/catalog/tanjiang"
	o.App.GRPC, o.App.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	return o
}

func TestExplore(t *testing.T) {
	var out bytes.Buffer
	o := options()
	o.JSON = true
	o.Out = &out
	s, err := demo.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.MarshalIndent(s, "", " ")
	t.Logf("%s", b)
	_ = os.WriteFile("/tmp/demo.jsonl", out.Bytes(), 0o644)
}
