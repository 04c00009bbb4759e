package station_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"freshet/internal/hydro"
	"freshet/internal/station"
	freshetv1 "freshet/proto/freshet/v1"
)

// Tokens in form, of nobody.
var (
	stale = "freshet_" + strings.Repeat("a", 8) + "_" + strings.Repeat("a", 52)
	fresh = "freshet_" + strings.Repeat("b", 8) + "_" + strings.Repeat("a", 52)
)

// A guard is a centre that knows gateways by certificate and token.
type guard struct {
	freshetv1.UnimplementedIngestServiceServer
}

func (guard) StreamHydrology(s grpc.BidiStreamingServer[freshetv1.StreamHydrologyRequest, freshetv1.StreamHydrologyResponse]) error {
	md, _ := metadata.FromIncomingContext(s.Context())
	if got := md.Get("authorization"); len(got) != 1 || got[0] != "Bearer "+fresh {
		return status.Error(codes.Unauthenticated, "this token is not known")
	}
	for {
		m, err := s.Recv()
		if err != nil {
			return err
		}
		if err := s.Send(&freshetv1.StreamHydrologyResponse{Ack: &freshetv1.Ack{AckedSequence: m.GetSequence()}}); err != nil {
			return err
		}
	}
}

// A gateway that is not let in keeps its values, says so, and gets in once its
// token is mended, over TLS of both sides.
func TestAGatewayThatIsNotLetInKeepsItsValuesAndComesAgain(t *testing.T) {
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "both"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, keyFile := write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private)
	pair, err := tls.LoadX509KeyPair(cert, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	g := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	})))
	freshetv1.RegisterIngestServiceServer(g, guard{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(stale+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := station.Parse(filepath.Join(dir, "gateway.yaml"), fmt.Appendf(nil, `name: test
server: {address: %q, ca: cert.pem, cert: cert.pem, key: key.pem, token_file: token}
spool: {dir: spool, min_free: 1MiB}
status: {listen: "127.0.0.1:0"}
inputs:
  - {kind: sl651, listen: "127.0.0.1:0", settings: {unlisted: refuse}}
`, l.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	s, err := station.Start(t.Context(), c, station.Options{Now: time.Now, Backoff: quick, Retry: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	value := hydro.Raw{Station: "s", Variable: hydro.Discharge, Unit: hydro.UnitOwn, At: time.Now()}
	if err := s.Gateway().Put(t.Context(), hydro.Hydrology, []hydro.Raw{value}); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		st := ask(t, s)
		return st.Departments[1].Link.State == "down" && len(st.Troubles) == 1 && st.Spool.Readings == 1
	})
	if err := os.WriteFile(tokenFile, []byte(fresh+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Drained(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := ask(t, s); st.Departments[1].Link.State != "up" || len(st.Troubles) != 0 {
		t.Errorf("after the token was mended: %+v", st)
	}
}
