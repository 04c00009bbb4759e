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
	fmt.Fprintln(os.Stderr, "freshet:", err)
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
		serveCommand(), demoCommand(), replayCommand(), watchCommand(), forecastCommand(), verifyCommand(), catalogCommand(), healthCommand(), benchCommand(),
	)
	return c
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
