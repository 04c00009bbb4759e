package station

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"freshet/ingest/gateway"
	"freshet/ingest/gateway/input"
	"freshet/internal/client"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// An uplink is a [gateway.Uplink] over the department's gRPC stream.
type uplink struct {
	stream     *client.Gateway
	department hydro.Department
}

// Uplinks returns what opens links over conn for a gateway of that name. Faster
// takes all requests for a faster reporting rate of a department's stations; it
// must not wait. Dropped counts the values that the gateway has let go.
func Uplinks(conn grpc.ClientConnInterface, name string, backoff client.Backoff, logger *slog.Logger, dropped func() uint64, faster func(hydro.Department, []input.Faster)) func(context.Context, hydro.Department, gateway.Hooks) (gateway.Uplink, error) {
	return func(ctx context.Context, d hydro.Department, h gateway.Hooks) (gateway.Uplink, error) {
		g, err := client.Open(ctx, conn, d, name, client.Options{
			Backoff: backoff, Logger: logger, Dropped: dropped,
			Acked: h.Acked,
			Rejected: func(p *freshetv1.Rejection) {
				frame, r, err := wire.ToRejection(p)
				if err != nil { // a reason that this version does not know: the value is refused all the same
					frame, r = p.GetSequence(), hydro.Rejection{Report: int(p.GetReport()), Field: p.GetField(), Message: p.GetReason().String() + ": " + p.GetMessage()}
				}
				h.Rejected(frame, r)
			},
			Connected: h.Connected,
			Rates: func(requests []*freshetv1.RateRequest) {
				asked := make([]input.Faster, len(requests))
				for i, r := range requests {
					asked[i] = input.Faster{
						Names: append([]string{r.GetStation()}, r.GetCodes()...), Every: time.Duration(r.GetIntervalS()) * time.Second, Until: r.GetUntil().AsTime(),
					}
				}
				faster(d, asked)
			},
		})
		if err != nil {
			return nil, err
		}
		return &uplink{g, d}, nil
	}
}

// Send implements [gateway.Uplink]. A frame of a gateway is one frame of the
// stream, because it has fewer reports than the stream cuts at.
func (u *uplink) Send(ctx context.Context, raws []hydro.Raw) error {
	_, err := u.stream.Send(ctx, reports(u.department, raws))
	return err
}

func reports(d hydro.Department, raws []hydro.Raw) client.Reports {
	switch d {
	case hydro.Weather:
		return client.Reports{Weather: wire.WeatherReports(raws)}
	case hydro.Hydrology:
		return client.Reports{Hydrology: wire.HydrologyReports(raws)}
	default:
		return client.Reports{WaterResources: wire.WaterResourcesReports(raws)}
	}
}

// Done implements [gateway.Uplink].
func (u *uplink) Done() <-chan struct{} { return u.stream.Done() }

// Err implements [gateway.Uplink].
func (u *uplink) Err() error { return u.stream.Err() }

// Close implements [gateway.Uplink].
func (u *uplink) Close() { u.stream.Close() }
