package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// window is how many frames a gateway keeps unacknowledged.
const window = 16

var methods = [...]string{
	hydro.Weather:        freshetv1.IngestService_StreamWeather_FullMethodName,
	hydro.Hydrology:      freshetv1.IngestService_StreamHydrology_FullMethodName,
	hydro.WaterResources: freshetv1.IngestService_StreamWaterResources_FullMethodName,
}

// Ingest sends the load to the gRPC server at address and returns when every
// reading is acknowledged. A reading that is refused is an error: the catalogue
// of the server must be [Catalogue]'s.
func Ingest(ctx context.Context, address string, o Options) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	all := gateways(&o)
	streams := make([]*stream, len(all))
	defer func() {
		for _, s := range streams {
			if s != nil {
				_ = s.conn.Close()
			}
		}
	}()
	g, ctx := errgroup.WithContext(ctx) // the streams end with the first error
	for i := range all {
		s, err := open(ctx, address, &all[i], &o)
		if err != nil {
			return Result{}, err
		}
		streams[i] = s
	}
	begin := o.Now()
	for _, s := range streams {
		g.Go(func() error { return s.send(ctx, begin) })
		g.Go(s.receive)
	}
	if err := g.Wait(); err != nil {
		return Result{}, err
	}
	r := Result{Streams: o.Streams, Frame: o.Frame, Rate: o.Rate}
	var latencies []time.Duration
	var bytes, values int
	for _, s := range streams {
		latencies = append(latencies, s.latencies...)
		r.Readings += int(s.accepted)
		bytes += s.bytes
		values += s.gateway.reports() * s.gateway.values
	}
	if r.Readings != values {
		return Result{}, fmt.Errorf("bench: %d readings sent, %d acknowledged", values, r.Readings)
	}
	r.Seconds = o.Now().Sub(begin).Seconds()
	r.PerSecond = float64(r.Readings) / r.Seconds
	r.FrameBytes = float64(bytes) / float64(values)
	r.setLatencies(latencies)
	return r, nil
}

// A stream is one gateway at work.
type stream struct {
	gateway *gateway
	opts    *Options
	conn    *grpc.ClientConn
	stream  grpc.ClientStream
	window  chan struct{} // one value per frame that is not acknowledged

	mu  sync.Mutex
	due []time.Time // of frames that are not acknowledged, oldest first

	// Of the goroutine that receives.
	latencies []time.Duration
	accepted  uint64
	// Of the goroutine that sends.
	bytes int
}

func open(ctx context.Context, address string, g *gateway, o *Options) (*stream, error) {
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{})),
		grpc.WithWriteBufferSize(256<<10), grpc.WithReadBufferSize(16<<10),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	st, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, methods[g.department])
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("open stream to %s: %w", address, err)
	}
	return &stream{gateway: g, opts: o, conn: conn, stream: st, window: make(chan struct{}, window)}, nil
}

// send sends all frames. With a rate, frame i is due at a fixed instant, and
// its latency counts from then, however long it had to wait for its turn.
func (s *stream) send(ctx context.Context, begin time.Time) error {
	g, o := s.gateway, s.opts
	reports := g.reports()
	var every time.Duration
	if o.Rate > 0 {
		every = time.Duration(float64(o.Frame*g.values) / (o.Rate / float64(o.Streams)) * float64(time.Second))
	}
	// Gateways do not send in step.
	offset := every * time.Duration(g.number) / time.Duration(o.Streams)
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	sequence := uint64(0)
	for from := 0; from < reports; from += o.Frame {
		sequence++
		due := o.Now()
		if every > 0 {
			at := begin.Add(offset + time.Duration(sequence-1)*every)
			if wait := at.Sub(due); wait > 0 {
				timer.Reset(wait)
				select {
				case <-timer.C:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			due = at
		}
		select {
		case s.window <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if every == 0 {
			due = o.Now() // as fast as acks allow: a frame is due when there is room for it
		}
		to := min(from+o.Frame, reports)
		buffer := mem.DefaultBufferPool().Get(64 + (to-from)*160)
		*buffer = g.appendFrame((*buffer)[:0], sequence, from, to)
		s.bytes += len(*buffer)
		s.mu.Lock()
		s.due = append(s.due, due)
		s.mu.Unlock()
		if err := s.stream.SendMsg(payload{mem.NewBuffer(buffer, mem.DefaultBufferPool())}); err != nil {
			if errors.Is(err, io.EOF) {
				return nil // the reason comes to receive
			}
			return fmt.Errorf("%s: send frame %d: %w", g.name, sequence, err)
		}
	}
	return s.stream.CloseSend()
}

func (s *stream) receive() error {
	acked := uint64(0)
	var m freshetv1.StreamHydrologyResponse // the answers of all departments look the same
	for {
		if err := s.stream.RecvMsg(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", s.gateway.name, err)
		}
		now := s.opts.Now()
		ack := m.GetAck()
		if r := ack.GetRejections(); len(r) > 0 {
			return fmt.Errorf("%s: refused: %s", s.gateway.name, r[0].GetMessage())
		}
		n := int(ack.GetAckedSequence() - acked)
		acked, s.accepted = ack.GetAckedSequence(), ack.GetAccepted()
		s.mu.Lock()
		for _, due := range s.due[:n] {
			s.latencies = append(s.latencies, now.Sub(due))
		}
		s.due = slices.Delete(s.due, 0, n)
		s.mu.Unlock()
		for range n {
			<-s.window
		}
	}
}

// A payload is a message that is already in wire format.
type payload struct{ buffer mem.Buffer }

// A codec passes payloads through and reads answers as protobuf.
type codec struct{}

// Name implements encoding.CodecV2.
func (codec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	p, ok := v.(payload)
	if !ok {
		return nil, fmt.Errorf("bench: cannot send a %T", v)
	}
	return mem.BufferSlice{p.buffer}, nil
}

// Unmarshal implements encoding.CodecV2.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("bench: cannot receive a %T", v)
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	return proto.Unmarshal(buffer.ReadOnlyData(), m)
}
