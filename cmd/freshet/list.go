package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"freshet/internal/termui"
)

// list asks a server once and prints its answer: as JSON, or as text as wide as the
// terminal.
func list[R proto.Message](
	cmd *cobra.Command, server *serverFlags, lang string, asJSON bool, timeout time.Duration,
	call func(context.Context, *grpc.ClientConn) (R, error), text func(R, termui.Lang, int) string,
) (resp R, err error) {
	language, err := termui.ParseLang(lang)
	if err != nil {
		return resp, err
	}
	conn, err := server.dial()
	if err != nil {
		return resp, err
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
	defer cancel()
	if resp, err = call(ctx, conn); err != nil {
		return resp, callError(server.address, err)
	}
	out := cmd.OutOrStdout()
	if asJSON {
		return resp, printJSON(out, resp)
	}
	width := 110
	if termui.Terminal(out) {
		width, _ = termui.Size(out)
	}
	_, err = io.WriteString(out, text(resp, language, width))
	return resp, err
}
