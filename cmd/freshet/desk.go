package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// deskFlags are those of every command of the duty desk.
type deskFlags struct {
	server      serverFlags
	basin, lang string
	asJSON      bool
	timeout     time.Duration
}

func (d *deskFlags) add(c *cobra.Command) {
	f := c.Flags()
	d.server.add(f)
	f.StringVar(&d.basin, "basin", "", "basin; may be left out where the server has one")
	f.BoolVar(&d.asJSON, "json", false, "print one JSON object")
	f.StringVar(&d.lang, "lang", locale(), "language of sentences, zh or en")
	f.DurationVar(&d.timeout, "timeout", 40*time.Second, "give up after this long")
}

// run dials and calls f.
func (d *deskFlags) run(cmd *cobra.Command, f func(context.Context, *grpc.ClientConn, io.Writer, termui.Lang) error) error {
	lang, err := termui.ParseLang(d.lang)
	if err != nil {
		return err
	}
	conn, err := d.server.dial()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	ctx, cancel := context.WithTimeout(cmd.Context(), d.timeout)
	defer cancel()
	if err := f(ctx, conn, cmd.OutOrStdout(), lang); err != nil {
		return callError(d.server.address, err)
	}
	return nil
}

// actFlags are those of commands that do something.
type actFlags struct {
	deskFlags
	by, request, text string
}

func (a *actFlags) add(c *cobra.Command, text string) {
	a.deskFlags.add(c)
	f := c.Flags()
	f.StringVar(&a.by, "by", "", "your name, on a server that asks nobody for a token")
	f.StringVar(&a.request, "request-id", "", "sent again with the same, it is obeyed once; default: one of its own")
	f.StringVar(&a.text, "text", "", text)
}

// id is the request's.
func (a *actFlags) id() string {
	if a.request == "" {
		a.request = rand.Text()
	}
	return a.request
}

// printDone prints what followed from a command.
func printDone(w io.Writer, resp interface {
	proto.Message
	GetEvents() []*freshetv1.DutyEvent
}, err error, asJSON bool, lang termui.Lang,
) error {
	switch {
	case err != nil:
		return err
	case asJSON:
		return printJSON(w, resp)
	}
	printEvents(w, resp.GetEvents(), lang)
	return nil
}

// printEvents prints what followed, one a line.
func printEvents(w io.Writer, events []*freshetv1.DutyEvent, lang termui.Lang) {
	for _, e := range events {
		fmt.Fprintf(w, "%s  %s\n", termui.Clock(e.GetAt().AsTime()), lang.Pick(e.GetTextZh(), e.GetTextEn()))
	}
}
