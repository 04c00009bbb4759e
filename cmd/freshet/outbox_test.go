package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is set aside is listed with its reason, and marked for the server to send
// again.
func TestMessagesThatAreSetAsideAreListedAndSentAgain(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, "outbox", "duty")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"b.00000000000000000007.json": `{"receiver":"duty","basin":"b","seq":7,"id":"b/1/s","kind":"warning","title":"【红色】恩平","set_aside_at":"2026-06-15T04:00:00Z","refusals":20,"error":"answered 413"}`,
		"b.00000000000000000009.json": `{"receiver":"duty","basin":"b","seq":9,"id":"b/2/s","kind":"warning","title":"x","set_aside_at":"2026-06-15T04:00:00Z","refusals":20,"error":"answered 400"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		c := root()
		c.SetArgs(append(append([]string{"outbox"}, args...), "--data", data, "--lang", "zh"))
		c.SetOut(&out)
		err := c.ExecuteContext(t.Context())
		return out.String(), err
	}
	text, err := run("list")
	if want := "duty  b/1/s  【红色】恩平\n    2026-06-15 12:00 搁置，被拒 20 次：answered 413\n"; err == nil || !strings.HasPrefix(text, want) {
		t.Errorf("%v: %q, want %q first", err, text, want)
	}
	if _, err := run("resend", "duty", "b/3/s"); err == nil || !strings.Contains(err.Error(), "b/3/s") {
		t.Errorf("an id that is none: %v", err)
	}
	if _, err := run("resend", "duty"); err == nil {
		t.Error("neither ids nor --all")
	}
	if text, err := run("resend", "duty", "b/1/s"); err != nil || text != "1 条消息将由服务重发\n" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "b.00000000000000000007.resend")); err != nil {
		t.Error(err)
	}
	var got struct {
		SetAside []struct {
			ID     string
			Resend bool
		} `json:"set_aside"`
	}
	text, _ = run("list", "--json")
	if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.SetAside) != 2 || !got.SetAside[0].Resend || got.SetAside[1].Resend {
		t.Errorf("%s, %v", text, err)
	}
	if text, err := run("resend", "duty", "--all", "--json"); err != nil || !strings.Contains(text, `"b/2/s"`) || strings.Contains(text, `"b/1/s"`) {
		t.Errorf("%q, %v", text, err)
	}
	data = t.TempDir()
	if text, err := run("list"); err != nil || text != "没有被搁置的消息\n" {
		t.Errorf("%q, %v", text, err)
	}
	data = filepath.Join(data, "elsewhere")
	if text, err := run("list"); err == nil || !strings.Contains(err.Error(), "--data") || text != "" {
		t.Errorf("of no server: %q, %v", text, err)
	}
}
