package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// briefingCommand is `freshet briefing`: what a joint briefing needs.
func briefingCommand() *cobra.Command {
	c := &cobra.Command{Use: "briefing", Short: "The briefing pack, the situation as of an instant, and what changed since the last briefing"}
	c.AddCommand(briefingSituationCommand(), briefingDiffCommand())
	addPack(c)
	return c
}

// briefingFlags are what the commands of a briefing share.
type briefingFlags struct {
	server            serverFlags
	basin, zone, lang string
	asJSON            bool
	timeout           time.Duration
}

func (f *briefingFlags) add(fs *pflag.FlagSet) {
	f.server.add(fs)
	fs.StringVar(&f.basin, "basin", "", "basin; may be left out where the server has one")
	fs.StringVar(&f.zone, "zone", "Asia/Shanghai", "zone of times that are given without one")
	fs.BoolVar(&f.asJSON, "json", false, "print one JSON object")
	fs.StringVar(&f.lang, "lang", locale(), "language of sentences, zh or en")
	fs.DurationVar(&f.timeout, "timeout", 10*time.Minute, "give up after this long")
}

// ask calls f with a connection, and prints what it returns, by text for people.
func (f *briefingFlags) ask(cmd *cobra.Command, call func(context.Context, *grpc.ClientConn) (proto.Message, error), text func(proto.Message, termui.Lang) string) error {
	lang, err := termui.ParseLang(f.lang)
	if err != nil {
		return err
	}
	conn, err := f.server.dial()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	defer cancel()
	resp, err := call(ctx, conn)
	if err != nil {
		return callError(f.server.address, err)
	}
	if f.asJSON {
		return printJSON(cmd.OutOrStdout(), resp)
	}
	_, err = io.WriteString(cmd.OutOrStdout(), text(resp, lang))
	return err
}

// briefingLayouts are how people write instants.
var briefingLayouts = []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02"}

// parseBriefingInstant reads an instant as RFC 3339, or without a zone in the one given.
func parseBriefingInstant(flag, text, zone string) (time.Time, error) {
	loc, err := catalog.ParseZone(zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("--zone %q: %w: %w", zone, err, hydro.ErrInvalid)
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UTC(), nil
	}
	for _, layout := range briefingLayouts {
		if at, err := time.ParseInLocation(layout, text, loc); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s %q is no time like 2026-06-15T08:00:00+08:00, or \"2026-06-15 08:00\" in the zone %s: %w", flag, text, zone, hydro.ErrInvalid)
}

// instant reads the flag, or asks the server for engine time if it is empty.
func (f *briefingFlags) instant(ctx context.Context, conn *grpc.ClientConn, flag, text string) (*timestamppb.Timestamp, error) {
	if text != "" {
		at, err := parseBriefingInstant(flag, text, f.zone)
		return timestamppb.New(at), err
	}
	resp, err := freshetv1.NewWarningServiceClient(conn).ListStages(ctx, &freshetv1.ListStagesRequest{Basin: f.basin})
	if err == nil && resp.GetNow() == nil {
		err = fmt.Errorf("engine time is not known yet: give --%s: %w", flag, hydro.ErrUnavailable)
	}
	return resp.GetNow(), err
}

func briefingSituationCommand() *cobra.Command {
	var (
		f    briefingFlags
		asOf string
	)
	c := &cobra.Command{
		Use:   "situation",
		Short: "Print a basin as it stood at an instant, with a hash",
		Long: `Situation prints where a basin stood right after the last decision at or before an
instant: stations, blind spots, forecast, waves, plans and measures, calls and
conflicts. It is computed anew from the log, and the same instant gives the same
answer, with the same hash, for ever and on any replica: two rooms that have one
hash look at one picture. With --json it is all there, the observed series of the
last 72 h too.`,
		Example: `  freshet briefing situation --as-of "2026-06-15 08:00"
  freshet briefing situation --as-of 2026-06-15T08:00:00+08:00 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asOf != "" { // before anything is dialled
				if _, err := parseBriefingInstant("as-of", asOf, f.zone); err != nil {
					return err
				}
			}
			return f.ask(cmd, func(ctx context.Context, conn *grpc.ClientConn) (proto.Message, error) {
				at, err := f.instant(ctx, conn, "as-of", asOf)
				if err != nil {
					return nil, err
				}
				return freshetv1.NewBriefingServiceClient(conn).GetSituation(ctx, &freshetv1.GetSituationRequest{Basin: f.basin, AsOf: at})
			}, func(m proto.Message, lang termui.Lang) string {
				return situationText(m.(*freshetv1.GetSituationResponse), lang)
			})
		},
	}
	f.add(c.Flags())
	c.Flags().StringVar(&asOf, "as-of", "", "instant; empty: engine time")
	return c
}

func briefingDiffCommand() *cobra.Command {
	var (
		f        briefingFlags
		from, to string
	)
	c := &cobra.Command{
		Use:   "diff",
		Short: "Print what changed from one instant to another",
		Long: `Diff prints what is different in a basin from one instant to another: stations that
are new, worse, better, lost or seen again, rain, forecasts that moved and by how
much, measures opened, done and late, conflicts, blind spots, waves and people who
were not reached. What did not change is not printed.`,
		Example: `  freshet briefing diff --from "2026-06-14 20:00" --to "2026-06-15 08:00"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			begin, err := parseBriefingInstant("from", from, f.zone)
			if err != nil {
				return err
			}
			if to != "" {
				if _, err := parseBriefingInstant("to", to, f.zone); err != nil {
					return err
				}
			}
			return f.ask(cmd, func(ctx context.Context, conn *grpc.ClientConn) (proto.Message, error) {
				end, err := f.instant(ctx, conn, "to", to)
				if err != nil {
					return nil, err
				}
				return freshetv1.NewBriefingServiceClient(conn).CompareSituations(ctx,
					&freshetv1.CompareSituationsRequest{Basin: f.basin, From: timestamppb.New(begin), To: end})
			}, func(m proto.Message, lang termui.Lang) string {
				return diffText(m.(*freshetv1.CompareSituationsResponse).GetDiff(), f.zone, lang)
			})
		},
	}
	f.add(c.Flags())
	c.Flags().StringVar(&from, "from", "", "earlier instant")
	c.Flags().StringVar(&to, "to", "", "later instant; empty: engine time")
	_ = c.MarkFlagRequired("from") // it is there
	return c
}
