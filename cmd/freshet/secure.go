package main

import (
	"os"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"

	"freshet/internal/client"
)

// A serverFlags is where a command finds its server, and how the two know each
// other.
type serverFlags struct {
	address  string
	security client.Security
}

// add adds the flags, the same to all commands that call a server.
func (s *serverFlags) add(f *pflag.FlagSet) {
	f.StringVar(&s.address, "server", defaultServer, "address of the gRPC server")
	s.addSecurity(f)
}

func (s *serverFlags) addSecurity(f *pflag.FlagSet) {
	f.StringVar(&s.security.CA, "ca", "", "file of the CA of the server's certificate, PEM; empty: those that the system trusts, or plain text to a server on this machine")
	f.StringVar(&s.security.Cert, "cert", "", "file of a client certificate, PEM")
	f.StringVar(&s.security.Key, "key", "", "file of its key, PEM")
	f.StringVar(&s.security.TokenFile, "token-file", "", "file of the token that freshet token create has printed; or give the token as FRESHET_TOKEN")
	f.BoolVar(&s.security.Insecure, "insecure", false, "speak plain text with a server on another machine, token included")
}

// secured is the security that the flags and the environment ask for.
func (s *serverFlags) secured() client.Security {
	sec := s.security
	if sec.TokenFile == "" {
		sec.Token = os.Getenv("FRESHET_TOKEN")
	}
	return sec
}

func (s *serverFlags) dial() (*grpc.ClientConn, error) { return s.secured().Dial(s.address) }
