package station

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding/gzip"

	"freshet/internal/client"
	"freshet/internal/hydro"
)

// dial returns a connection to the centre, which is made when it is first
// needed. To a centre on this machine, or if the configuration insists, it is
// plain text; to any other it is TLS.
func (s *Server) dial() (*grpc.ClientConn, error) {
	var opts []grpc.DialOption
	plain := s.CA == "" && s.Cert == "" && (s.Insecure || onThisMachine(s.Address))
	if !plain {
		roots, err := trusted(s.CA)
		if err != nil {
			return nil, fmt.Errorf("server.ca: %w", err)
		}
		c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
		if s.Cert != "" {
			if _, err := tls.LoadX509KeyPair(s.Cert, s.Key); err != nil {
				return nil, fmt.Errorf("server.cert: %w: %w", err, hydro.ErrInvalid)
			}
			// Read anew at each handshake: a certificate is renewed while the gateway runs.
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
				return &pair, err
			}
		}
		opts = append(opts, grpc.WithTransportCredentials(credentials.NewTLS(c)))
	}
	if s.TokenFile != "" {
		t := token{file: s.TokenFile, tls: !plain}
		if _, err := t.GetRequestMetadata(context.Background()); err != nil {
			return nil, fmt.Errorf("server.token_file: %w: %w", err, hydro.ErrInvalid)
		}
		opts = append(opts, grpc.WithPerRPCCredentials(t))
	}
	if s.Gzip {
		opts = append(opts, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	return client.Dial(s.Address, opts...)
}

// onThisMachine reports whether only this machine is on the way to addr.
func onThisMachine(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// trusted returns the CAs in a file; nil, which means those that the system
// trusts, without one.
func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate in PEM: %w", file, hydro.ErrInvalid)
	}
	return pool, nil
}

// A token goes with every stream; its file is read again for each.
type token struct {
	file string
	tls  bool
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	data, err := os.ReadFile(t.file)
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + strings.TrimSpace(string(data))}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials: a token
// crosses no network in the clear unless the configuration insists.
func (t token) RequireTransportSecurity() bool { return t.tls }
