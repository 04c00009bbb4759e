package server

import (
	"fmt"
	"strings"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that codec stands on
	"google.golang.org/grpc/mem"
)

// A codec is gRPC's codec for protobuf that can also hand over a message as the
// text that arrived, for those who read it themselves.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

// rawMessage is a message as it arrived.
type rawMessage string

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if a, ok := v.(*feedAnswer); ok {
		return a.proto(), nil
	}
	return c.CodecV2.Marshal(v) //nolint:wrapcheck // gRPC's own
}

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	t, ok := v.(*rawMessage)
	if !ok {
		if err := c.CodecV2.Unmarshal(data, v); err != nil {
			return fmt.Errorf("read %T: %w", v, err)
		}
		return nil
	}
	var b strings.Builder
	b.Grow(data.Len())
	for _, part := range data {
		b.Write(part.ReadOnlyData())
	}
	*t = rawMessage(b.String())
	return nil
}
