package client

import (
	"context"
	"fmt"
	"net/http"

	"freshet/internal/certs"
	"freshet/internal/hydro"
)

// Get asks the HTTP side of a server, at host:port, for a path: as s says, over TLS
// and with the token. The caller closes the answer's body.
func (s Security) Get(ctx context.Context, addr, path string) (*http.Response, error) {
	transport, scheme := &http.Transport{DisableKeepAlives: true}, "http"
	if s.CA != "" || s.Cert != "" || s.Key != "" || !s.Insecure && !Local(addr) {
		config, err := certs.Client(s.CA, s.Cert, s.Key)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig, scheme = config, "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+addr+path, nil)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w: %w", addr, err, hydro.ErrInvalid)
	}
	if s.Token != "" || s.TokenFile != "" {
		text, err := token{text: s.Token, file: s.TokenFile}.read()
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+text)
	}
	// A link of another place must not be followed with the token.
	c := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, hydro.ErrUnavailable)
	}
	return resp, nil
}
