package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"freshet/internal/hydro"
)

func TestACallThatCannotBeMeantIsInvalidAndSaysWhereToLook(t *testing.T) {
	for line, want := range map[string]string{
		"serv":                 `"serv" is no command of freshet (did you mean serve?); see freshet --help`,
		"catalog chek":         `"chek" is no command of freshet catalog (did you mean check?); see freshet catalog --help`,
		"bench everything":     `"everything" is no command of freshet bench; see freshet bench --help`,
		"serve now":            "see freshet serve --help",
		"catalog check":        "see freshet catalog check --help",
		"watch --unknown":      "unknown flag: --unknown",
		"forecast --timeout x": "--timeout",
	} {
		c := root()
		c.SetArgs(strings.Fields(line))
		c.SetOut(io.Discard)
		c.SetErr(io.Discard)
		err := c.ExecuteContext(t.Context())
		if !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("freshet %s: %v, want %q, invalid", line, err, want)
		}
	}
}

func TestACommandThatOnlyGroupsOthersShowsItsHelp(t *testing.T) {
	for _, line := range []string{"", "catalog", "bench"} {
		var out strings.Builder
		c := root()
		c.SetArgs(strings.Fields(line))
		c.SetOut(&out)
		if err := c.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), "Available Commands:") {
			t.Errorf("freshet %s: %v\n%s", line, err, &out)
		}
	}
}

func TestErrorsForPeopleLeaveOutThatTheyAreInvalid(t *testing.T) {
	err := errors.Join(fmt.Errorf("one: %w", hydro.ErrInvalid), fmt.Errorf("invalid: two: %w", hydro.ErrInvalid), fmt.Errorf("three: %w", hydro.ErrNotFound))
	if got, want := forPeople(err), "one\ninvalid: two\nthree: not found"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A command that calls a server can show who calls: one that cannot is of no use
// where a server asks.
func TestEveryCommandThatCallsAServerCanShowAToken(t *testing.T) {
	found := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Flags().Lookup("server") != nil {
			found++
			for _, flag := range []string{"ca", "cert", "key", "token-file", "insecure"} {
				if c.Flags().Lookup(flag) == nil {
					t.Errorf("%s has --server and no --%s", c.CommandPath(), flag)
				}
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root())
	if found < 4 {
		t.Errorf("only %d commands with --server", found)
	}
}
