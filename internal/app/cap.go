package app

import (
	"freshet/internal/capsign"
	"freshet/internal/server"
)

// openCAP says how CAP messages are served, and looks at the key that signs them.
func (a *App) openCAP() (server.CAP, error) {
	c := server.CAP{Public: a.opts.CAPPublic}
	if a.opts.CAPCert == "" {
		return c, nil
	}
	signer, err := capsign.Open(a.opts.CAPCert, a.opts.CAPKey)
	if err != nil {
		return c, err
	}
	c.Sign = signer.Sign
	return c, nil
}
