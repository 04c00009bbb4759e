// Command influxd installs and runs the InfluxDB that the tests use, for trying
// things by hand and for benchmarks: it prints the address on its first line
// and runs until it is interrupted.
//
//	go run ./internal/store/influx/influxd [-dir FOLDER]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"freshet/internal/store/influx/influxtest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "influxd:", err)
		os.Exit(1)
	}
}

func run() error {
	dir := flag.String("dir", "", "folder for the data; by default one that is removed at the end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *dir == "" {
		tmp, err := os.MkdirTemp("", "freshet-influxd-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(tmp) }()
		*dir = tmp
	} else if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	server, err := influxtest.New(ctx, *dir)
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(os.Stdout, server.URL); err != nil {
		return err
	}
	<-ctx.Done()
	return server.Stop()
}
