package main

import (
	"os"

	"github.com/spf13/cobra"

	"freshet/internal/app"
)

func serveCommand() *cobra.Command {
	opts := app.DefaultOptions()
	var config string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server: gRPC for gateways, duty officers and briefings, REST, metrics
and health over HTTP.

Every flag can also stand in a YAML file (--config, keys are the flags' names)
or in the environment (FRESHET_LOG_LEVEL for --log-level). The command line goes
before the environment, the environment before the file. Unknown keys are errors.

It exits with 2 if an option, the configuration or the catalogue is wrong, with 1
if it fails, and with 0 or 130 after it was told to stop.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if config == "" {
				config = os.Getenv("FRESHET_CONFIG")
			}
			if err := app.Configure(cmd.Flags(), config, os.Environ()); err != nil {
				return err
			}
			return app.Run(cmd.Context(), opts)
		},
	}
	opts.Flags(c.Flags())
	c.Flags().StringVar(&config, "config", "", "configuration file")
	return c
}
