package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// submitCommand is `freshet submit`: rain forecasts, dispatch plans, tides and
// withdrawals from files.
func submitCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "submit",
		Short: "Submit a rain forecast, a dispatch plan or a tide, or withdraw one",
		Long: `Submit sends what is known of the time ahead: a rain forecast of a basin, the
release or gate plan of a reservoir, or the predicted tide at a tide station; and it
takes them back. The file is YAML or JSON with the fields of
SubmitRainForecastRequest, SubmitDispatchPlanRequest, SubmitTideRequest or
WithdrawRequest (proto/freshet/v1/ingest.proto);
times are RFC 3339, as "2026-06-01T08:00:00+08:00". When the command ends with 0, it
is on the server's disk. Sending the same file again is harmless. To withdraw what
is not held changes nothing: see that the notes of the next run name it as withdrawn.`,
	}
	c.AddCommand(
		submitting("rain", "Submit a rain forecast", `  source: Guangdong 3 km
  basin: tanjiang
  issued_at: 2026-06-01T08:00:00+08:00
  valid_until: 2026-06-01T20:00:00+08:00
  step_s: 3600
  sub_basins:
    - {sub_basin: enping, rain: [0, 2.5, 12, 8, 1]}
  # or, in the place of sub_basins, rectangles or zones of any outline:
  # cells:
  #   - {west: 112.1, south: 22.0, east: 112.4, north: 22.3, rain: [0, 2.5, 12, 8, 1]}
  #   - rings: [{lon_lat: [112.4, 22.0, 112.7, 22.1, 112.5, 22.4, 112.4, 22.0]}]
  #     rain: [0, 2, 9, 4, 1]`,
			func(ctx context.Context, conn *grpc.ClientConn, m *freshetv1.SubmitRainForecastRequest) (proto.Message, error) {
				return freshetv1.NewIngestServiceClient(conn).SubmitRainForecast(ctx, m)
			}),
		submitting("plan", "Submit the release or gate plan of a reservoir", `  reservoir: jinjiang
  ordered_by: 江门三防
  issued_at: 2026-06-01T08:00:00+08:00
  valid_from: 2026-06-01T09:00:00+08:00
  valid_until: 2026-06-02T08:00:00+08:00
  releases:
    - {from: "2026-06-01T09:00:00+08:00", outflow: 300}
    - {from: "2026-06-01T15:00:00+08:00", outflow: 500}
  # or, of a reservoir whose outlets the catalogue gives, instead of releases:
  # gates:
  #   - {from: "2026-06-01T09:00:00+08:00", outlet: spillway, opening: 1.5}
  #   - {from: "2026-06-01T15:00:00+08:00", outlet: spillway, opening: 3}`,
			func(ctx context.Context, conn *grpc.ClientConn, m *freshetv1.SubmitDispatchPlanRequest) (proto.Message, error) {
				return freshetv1.NewIngestServiceClient(conn).SubmitDispatchPlan(ctx, m)
			}),
		submitting("tide", "Submit the predicted tide at a tide station", `  station: h-yamen
  source: tide table 2026
  issued_at: 2026-01-01T00:00:00+08:00
  valid_until: 2027-01-01T00:00:00+08:00
  datum: PEARL_RIVER               # of the levels; a table's chart datum must be converted or declared
  turns:                           # high and low waters, as tide tables give them
    - {at: "2026-06-01T02:31:00+08:00", level: 1.02}
    - {at: "2026-06-01T09:12:00+08:00", level: -0.44}
    - {at: "2026-06-01T15:20:00+08:00", level: 0.81}
  # or regular levels instead of turns:
  # start_at: 2026-06-01T00:00:00+08:00
  # step_s: 3600
  # levels: [0.31, 0.66, 0.94, 1.02]`,
			func(ctx context.Context, conn *grpc.ClientConn, m *freshetv1.SubmitTideRequest) (proto.Message, error) {
				return freshetv1.NewIngestServiceClient(conn).SubmitTide(ctx, m)
			}),
		submitting("withdrawal", "Withdraw a dispatch plan, a rain forecast or a tide", `  reservoir: jinjiang              # or, of a rain forecast, source and basin; of a tide, source and station
  issued_at: 2026-06-01T08:00:00+08:00
  withdrawn_by: 江门三防
  withdrawn_at: 2026-06-02T03:00:00+08:00
  reason: cancelled by telephone`,
			func(ctx context.Context, conn *grpc.ClientConn, m *freshetv1.WithdrawRequest) (proto.Message, error) {
				return freshetv1.NewIngestServiceClient(conn).Withdraw(ctx, m)
			}),
	)
	return c
}

// submitting is one of the submit commands.
func submitting[T any, M interface {
	*T
	proto.Message
}](name, short, example string, call func(context.Context, *grpc.ClientConn, M) (proto.Message, error)) *cobra.Command {
	var (
		server  serverFlags
		asJSON  bool
		timeout time.Duration
	)
	c := &cobra.Command{
		Use:     name + " FILE",
		Short:   short,
		Example: example,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m := M(new(T))
			if err := readMessage(args[0], m); err != nil {
				return err
			}
			conn, err := server.dial()
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }() // nothing is under way
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			answer, err := call(ctx, conn, m)
			if err != nil {
				return callError(server.address, err)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			id, _ := answer.(interface{ GetId() string })
			fmt.Fprintf(cmd.OutOrStdout(), "on disk: %s\n", id.GetId())
			return nil
		},
	}
	f := c.Flags()
	server.add(f)
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.DurationVar(&timeout, "timeout", 30*time.Second, "give up after this long")
	return c
}

// readMessage reads a message from a file of YAML or JSON. Unknown fields are
// mistakes.
func readMessage(file string, m proto.Message) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	data, err := yaml.YAMLToJSON(text) // JSON is YAML
	if err != nil {
		return fmt.Errorf("%s: %w: %w", file, err, hydro.ErrInvalid)
	}
	if err := protojson.Unmarshal(data, m); err != nil {
		return fmt.Errorf("%s: %w: %w", file, err, hydro.ErrInvalid)
	}
	return nil
}
