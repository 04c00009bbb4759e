package station

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding/gzip"

	"freshet/internal/client"
)

// dial returns a connection to the centre, which is made when it is first
// needed.
func (s *Server) dial() (*grpc.ClientConn, error) {
	var opts []grpc.DialOption
	if s.Gzip {
		opts = append(opts, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	return client.Security{CA: s.CA, Cert: s.Cert, Key: s.Key, TokenFile: s.TokenFile, Insecure: s.Insecure}.Dial(s.Address, opts...)
}
