package client

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"freshet/internal/auth"
	"freshet/internal/certs"
	"freshet/internal/hydro"
)

// Security says how a client trusts a server and how the server knows the client.
// The zero value is for a server on this machine: to it the client speaks in plain
// text, to any other it speaks TLS and trusts whom the system trusts.
type Security struct {
	CA        string // file of the CAs that sign servers' certificates, PEM; "": those that the system trusts
	Cert, Key string // files of the client's certificate and its key, PEM; "": none
	TokenFile string // file that holds the client's token; it is read again for each call and stream
	Token     string // the token itself, if there is no file
	Insecure  bool   // speak plain text with a server on another machine, token included
}

// Dial is [Dial] with s: the one way to a server that asks who calls.
func (s Security) Dial(addr string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	plain := s.CA == "" && s.Cert == "" && s.Key == "" && (s.Insecure || Local(addr))
	if !plain {
		config, err := certs.Client(s.CA, s.Cert, s.Key)
		if err != nil {
			return nil, err
		}
		opts = append(opts, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	}
	if s.Token != "" || s.TokenFile != "" {
		t := token{text: s.Token, file: s.TokenFile, tls: !plain}
		if _, err := t.read(); err != nil {
			return nil, err
		}
		opts = append(opts, grpc.WithPerRPCCredentials(t))
	}
	return Dial(addr, opts...)
}

// Local reports whether only this machine is on the way to addr.
func Local(addr string) bool {
	if strings.HasPrefix(addr, "unix:") || strings.HasPrefix(addr, "unix-abstract:") {
		return true
	}
	if _, rest, ok := strings.Cut(addr, ":///"); ok { // dns:///host:port
		addr = rest
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// A token goes with every call.
type token struct {
	text, file string
	tls        bool
}

// read returns the token. Errors do not repeat it.
func (t token) read() (string, error) {
	text, from := t.text, "the token"
	if t.file != "" {
		data, err := os.ReadFile(t.file)
		if err != nil {
			return "", fmt.Errorf("token: %w: %w", err, hydro.ErrInvalid)
		}
		text, from = string(data), t.file
	}
	text = strings.TrimSpace(text)
	if err := auth.CheckToken(text); err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	}
	return text, nil
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	text, err := t.read()
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + text}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (t token) RequireTransportSecurity() bool { return t.tls }
