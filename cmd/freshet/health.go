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
	"freshet/internal/certs"
	"freshet/internal/hydro"
)

// healthCommand is `freshet health`: for containers, which have no shell and no
// curl.
func healthCommand() *cobra.Command {
	var (
		address, cert string
		live          bool
		timeout       time.Duration
	)
	c := &cobra.Command{
		Use:   "health",
		Short: "Ask a running server whether it is ready",
		Long: `Health asks a running server whether it is ready, which means that it has caught up
with its log and that its engine time follows the machine's clock. It exits with 0
if the server is ready, and with 1 and the reason if not. The address is that of
the server's HTTP side, as it was given to freshet serve in --http or FRESHET_HTTP;
a server that listens everywhere is asked on this machine. Of a server that serves TLS
name the certificate, in --tls-cert or FRESHET_TLS_CERT: it must show exactly that one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if env := os.Getenv("FRESHET_HTTP"); env != "" && !cmd.Flags().Changed("http") {
				address = env
			}
			if env := os.Getenv("FRESHET_TLS_CERT"); env != "" && !cmd.Flags().Changed("tls-cert") {
				cert = env
			}
			path := "/readyz"
			if live {
				path = "/healthz"
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			answer, err := health(ctx, address, cert, path)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), answer)
			return nil
		},
	}
	c.Flags().StringVar(&address, "http", app.DefaultOptions().HTTP, "address of the HTTP server")
	c.Flags().StringVar(&cert, "tls-cert", "", "file of the server's certificate, if it serves TLS")
	c.Flags().BoolVar(&live, "live", false, "ask only whether it is alive")
	c.Flags().DurationVar(&timeout, "timeout", 5*time.Second, "how long to wait for an answer")
	return c
}

// health returns what the server says of itself, and an error unless that is
// good. cert is the file of the server's certificate, or "".
func health(ctx context.Context, address, cert, path string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("--http %s: %w: %w", address, err, hydro.ErrInvalid)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme, transport := "http", new(http.Transport)
	if cert != "" {
		scheme = "https"
		if transport.TLSClientConfig, err = certs.Exactly(cert); err != nil {
			return "", fmt.Errorf("--tls-cert: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+path, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("--http %s: %w: %w", address, err, hydro.ErrInvalid)
	}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
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
