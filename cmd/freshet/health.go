package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/app"
	"freshet/internal/hydro"
)

// healthCommand is `freshet health`: for containers, which have no shell and no
// curl.
func healthCommand() *cobra.Command {
	var (
		address string
		live    bool
		timeout time.Duration
	)
	c := &cobra.Command{
		Use:   "health",
		Short: "Ask a running server whether it is ready",
		Long: `Health asks a running server whether it is ready, which means that it has caught up
with its log and that its engine time follows the machine's clock. It exits with 0
if the server is ready, and with 1 and the reason if not. The address is that of
the server's HTTP side, as it was given to freshet serve in --http or FRESHET_HTTP;
a server that listens everywhere is asked on this machine.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if env := os.Getenv("FRESHET_HTTP"); env != "" && !cmd.Flags().Changed("http") {
				address = env
			}
			path := "/readyz"
			if live {
				path = "/healthz"
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			answer, err := health(ctx, address, path)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), answer)
			return nil
		},
	}
	c.Flags().StringVar(&address, "http", app.DefaultOptions().HTTP, "address of the HTTP server")
	c.Flags().BoolVar(&live, "live", false, "ask only whether it is alive")
	c.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "how long to wait for an answer")
	return c
}

// health returns what the server says of itself, and an error unless that is
// good.
func health(ctx context.Context, address, path string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("--http %s: %w: %w", address, err, hydro.ErrInvalid)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("--http %s: %w: %w", address, err, hydro.ErrInvalid)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // read whole below
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return "", fmt.Errorf("no answer: %w", err)
	}
	text := strings.TrimSpace(string(body))
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %w", text, hydro.ErrUnavailable)
	}
	return text, nil
}
