// Command freshet is the flood-season data fusion service: readings of three
// departments in, a routed forecast and staged warnings out. One binary holds
// the server and all its tools; `freshet help` lists them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"freshet/internal/hydro"
)

// Exit codes that scripts can trust.
const (
	exitFailed  = 1   // it did not work
	exitInvalid = 2   // the call, a file or an option is wrong: mend it and call again
	exitSignal  = 130 // stopped by a signal, as shells report it
)

func main() {
	share()
	os.Exit(execute())
}

// execute runs the command line and returns the exit code.
func execute() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := root().ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return exitSignal
	}
	fmt.Fprintln(os.Stderr, "freshet:", forPeople(err))
	if errors.Is(err, hydro.ErrInvalid) {
		return exitInvalid
	}
	return exitFailed
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "freshet",
		Short: "Flood-season hydrometeorological data fusion, forecast and warning",
		Long: `Freshet fuses rain, river and reservoir readings of the weather, hydrology and
water resources departments, forecasts the flood and stages warnings.

See the main job at once:   freshet demo
Run it with your stations:  freshet serve --catalog DIR`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", err, hydro.ErrInvalid) })
	c.AddCommand(
		serveCommand(),
		demoCommand(),
		replayCommand(),
		watchCommand(),
		forecastCommand(),
		scenarioCommand(),
		verifyCommand(),
		dryRunCommand(),
		catalogCommand(),
		submitCommand(),
		conflictsCommand(),
		callsCommand(),
		planCommand(),
		capCommand(),
		dutyCommand(),
		groupsCommand(),
		blindCommand(),
		briefingCommand(),
		seasonCommand(),
		explainCommand(),
		healthCommand(),
		benchCommand(),
		calibrateCommand(),
		tokenCommand(),
		gatewayCommand(),
		auditCommand(),
		outboxCommand(),
		mapCommand(),
		sl651Command(),
		rtuCommand(),
		qualityCommand(),
	)
	refuseArguments(c)
	return c
}

// refuseArguments makes wrong arguments of c and of all below it, and flags that are
// missing, invalid calls.
// A command that only groups others shows its help without any, and otherwise
// says that there is no such command.
func refuseArguments(c *cobra.Command) {
	check := c.Args
	switch {
	case c.HasSubCommands():
		check = unknownCommand
		if c.RunE == nil { // it only groups others
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
			c.DisableFlagsInUseLine = true
		}
	case check == nil:
		check = cobra.NoArgs
	}
	c.Args = func(c *cobra.Command, args []string) error {
		err := check(c, args)
		if err == nil {
			err = c.ValidateRequiredFlags() // cobra would ask later, and the call be no wrong one
		}
		if err != nil {
			return fmt.Errorf("%w; see %s --help: %w", err, c.CommandPath(), hydro.ErrInvalid)
		}
		return nil
	}
	for _, sub := range c.Commands() {
		refuseArguments(sub)
	}
}

func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	hint := ""
	if like := c.SuggestionsFor(args[0]); len(like) > 0 {
		hint = fmt.Sprintf(" (did you mean %s?)", strings.Join(like, ", "))
	}
	return fmt.Errorf("%q is no command of %s%s", args[0], c.CommandPath(), hint)
}

// forPeople is the text of err without the kind at the end of its lines: that a
// call is invalid shows, and is in the exit code.
func forPeople(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, ": "+hydro.ErrInvalid.Error())
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
