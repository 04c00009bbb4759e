package client_test

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"freshet/internal/client"
	freshetv1 "freshet/proto/freshet/v1"
)

type largeBriefing struct {
	freshetv1.UnimplementedBriefingServiceServer
	answer *freshetv1.GetSituationResponse
}

func (b largeBriefing) GetSituation(context.Context, *freshetv1.GetSituationRequest) (*freshetv1.GetSituationResponse, error) {
	return b.answer, nil
}

// The situation of a basin of 500 stations that report every five minutes is more
// than a gRPC client takes that was not told to: ours is told.
func TestTheSituationOfALargeBasinIsRead(t *testing.T) {
	s := &freshetv1.Situation{Basin: "large"}
	for range 500 {
		x := &freshetv1.SituationSeries{Station: "s", Variable: freshetv1.Variable_VARIABLE_WATER_LEVEL, IntervalS: 300}
		for i := range 72 * 12 {
			x.OffsetMs, x.Value, x.Quality = append(x.OffsetMs, int32(-300_000*(72*12-1-i))), append(x.Value, float64(i)/7), append(x.Quality, freshetv1.Quality_QUALITY_PASS)
		}
		s.Series = append(s.Series, x)
	}
	answer := &freshetv1.GetSituationResponse{Situation: s, Hash: "h"}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	freshetv1.RegisterBriefingServiceServer(srv, largeBriefing{answer: answer})
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	defer func() {
		srv.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	plain, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := freshetv1.NewBriefingServiceClient(plain).GetSituation(t.Context(), &freshetv1.GetSituationRequest{}); status.Code(err) != codes.ResourceExhausted {
		t.Fatalf("%d bytes are no large answer: %v", proto.Size(answer), err)
	}
	for name, dial := range map[string]func() (*grpc.ClientConn, error){
		"Dial":          func() (*grpc.ClientConn, error) { return client.Dial(l.Addr().String()) },
		"Security.Dial": func() (*grpc.ClientConn, error) { return client.Security{}.Dial(l.Addr().String()) },
	} {
		conn, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		got, err := freshetv1.NewBriefingServiceClient(conn).GetSituation(t.Context(), &freshetv1.GetSituationRequest{})
		if err != nil || !proto.Equal(got, answer) {
			t.Errorf("%s: %v", name, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
