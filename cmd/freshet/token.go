package main

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/app"
	"freshet/internal/auth"
	"freshet/internal/hydro"
	"freshet/internal/termui"
)

// tokenCommand is `freshet token`: who may do what at a server.
func tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke tokens, and bind or deny gateways' certificates",
		Long: `Token changes the file of credentials in a server's data folder. A running server
follows within two seconds, on streams that are open too. The roles are:

  gateway   sends readings of the stations named, of its own department
  officer   follows the warnings, reads everything
  briefing  reads stations, forecasts and warnings; also for screens and Prometheus
  admin     everything but to send readings

An officer or a briefing with a department may also submit what is that department's:
rain forecasts are weather's, tides hydrology's, dispatch plans water resources'. docs/security.md has
the whole table.`,
	}
	c.AddCommand(tokenCreateCommand(), tokenListCommand(), tokenRevokeCommand(), bindCertCommand(), denyCertCommand())
	return c
}

// A credentials is what all of these commands have in common.
type credentials struct {
	data, lang string
	asJSON     bool
}

func (o *credentials) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.data, "data", app.DefaultOptions().Data, "data folder of the server")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	f.StringVar(&o.lang, "lang", locale(), "language, zh or en")
}

// path follows the server's configuration where the command line does not
// say otherwise.
func (o *credentials) path(cmd *cobra.Command) string {
	if env := os.Getenv("FRESHET_DATA"); env != "" && !cmd.Flags().Changed("data") {
		o.data = env
	}
	return auth.PathIn(o.data)
}

func (o *credentials) update(cmd *cobra.Command, change func(*auth.File) error) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Second)
	defer cancel()
	return auth.Update(ctx, o.path(cmd), change)
}

// words picks a language.
func (o *credentials) words(zh, en string) (string, error) {
	lang, err := termui.ParseLang(o.lang)
	if err != nil {
		return "", err
	}
	if lang == termui.Chinese {
		return zh, nil
	}
	return en, nil
}

func encodeJSON(cmd *cobra.Command, v any) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// grantFlags add the flags of what a credential is good for.
func grantFlags(c *cobra.Command, g *auth.Grant) {
	f := c.Flags()
	f.StringVar(&g.Department, "department", "", "weather, hydrology or water_resources")
	f.StringSliceVar(&g.Stations, "station", nil, "of a gateway: station that it may write, by id or its department's code; may repeat")
	f.StringSliceVar(&g.Prefixes, "prefix", nil, "of a gateway: beginning of ids or codes of stations that it may write; may repeat")
	f.BoolVar(&g.AllStations, "all-stations", false, "of a gateway: it may write all stations of its department")
}

func tokenCreateCommand() *cobra.Command {
	var (
		o       credentials
		g       auth.Grant
		expires string
	)
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a token and print it, this once",
		Example: `  freshet token create --name zhang --role officer --expires 180d
  freshet token create --name enping-1 --role gateway --department hydrology --prefix h-enping --station EX80A102`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now().UTC().Truncate(time.Second)
			until, err := parseExpiry(expires, now)
			if err != nil {
				return err
			}
			say, err := o.words("令牌 %s（%s）如下，只显示这一次，请立即保存到仅本人可读的文件：", "token %s (%s). It is shown this once: put it into a file that only its owner can read:")
			if err != nil {
				return err
			}
			var t auth.Token
			var text string
			if err := o.update(cmd, func(f *auth.File) (err error) {
				t, text, err = f.NewToken(g, now, until)
				return err
			}); err != nil {
				return err
			}
			if o.asJSON {
				return encodeJSON(cmd, map[string]any{"id": t.ID, "token": text, "name": t.Name, "role": t.Role, "expires_at": t.Expires})
			}
			fmt.Fprintf(cmd.ErrOrStderr(), say+"\n", t.ID, t.Name)
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text) // alone: > FILE
			return err
		},
	}
	c.Flags().StringVar(&g.Name, "name", "", "whose it is, for lists and records")
	c.Flags().StringVar(&g.Role, "role", "", "gateway, officer, briefing or admin")
	c.Flags().StringVar(&expires, "expires", "365d", "when it ends: after days or hours, as 30d or 12h; at a time, as 2026-06-30T08:00; or never")
	grantFlags(c, &g)
	o.flags(c)
	return c
}

// parseExpiry reads 30d, 12h, an instant, or never.
func parseExpiry(s string, now time.Time) (*time.Time, error) {
	if s == "never" {
		return nil, nil //nolint:nilnil // no end is a valid end
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36500 {
			at := now.AddDate(0, 0, n)
			return &at, nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		at := now.Add(d)
		return &at, nil
	}
	at, err := parseInstant(s)
	if err != nil {
		return nil, fmt.Errorf("--expires %q: write 30d, 12h, 2026-06-30T08:00 (Beijing time) or never: %w", s, hydro.ErrInvalid)
	}
	at = at.UTC()
	return &at, nil
}

func tokenListCommand() *cobra.Command {
	var o credentials
	c := &cobra.Command{
		Use:   "list",
		Short: "List tokens, bound and denied certificates",
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := auth.Load(o.path(cmd))
			if err != nil {
				return err
			}
			if o.asJSON {
				return encodeJSON(cmd, listed(f))
			}
			return o.list(cmd, f, time.Now())
		},
	}
	o.flags(c)
	return c
}

// listed is f for scripts, without hashes.
func listed(f *auth.File) any {
	type token struct {
		ID string `json:"id"`
		auth.Grant
		Created time.Time  `json:"created_at"`
		Expires *time.Time `json:"expires_at,omitempty"`
		Revoked *time.Time `json:"revoked_at,omitempty"`
	}
	out := struct {
		Tokens       []token            `json:"tokens"`
		Certificates []auth.Certificate `json:"certificates"`
		Denied       []auth.Denial      `json:"denied_certificates"`
	}{[]token{}, append([]auth.Certificate{}, f.Certificates...), append([]auth.Denial{}, f.Denied...)}
	for _, t := range f.Tokens {
		out.Tokens = append(out.Tokens, token{t.ID, t.Grant, t.Created, t.Expires, t.Revoked})
	}
	return out
}

func (o *credentials) list(cmd *cobra.Command, f *auth.File, now time.Time) error {
	text, err := o.words("有效,已撤销,已过期,长期,至,全部测站,禁用证书", "good,revoked,expired,no end,until,all stations,denied certificate")
	if err != nil {
		return err
	}
	w := strings.Split(text, ",")
	day := func(t time.Time) string { return t.In(termui.Beijing).Format("2006-01-02 15:04") }
	what := func(g auth.Grant) string {
		parts := []string{g.Role}
		if g.Department != "" {
			parts = append(parts, g.Department)
		}
		if g.AllStations {
			parts = append(parts, w[5])
		}
		parts = append(parts, g.Stations...)
		for _, p := range g.Prefixes {
			parts = append(parts, p+"*")
		}
		return strings.Join(parts, " ")
	}
	out := cmd.OutOrStdout()
	for _, t := range f.Tokens {
		state, end := w[0], w[3]
		if t.Expires != nil {
			end = w[4] + " " + day(*t.Expires)
			if !now.Before(*t.Expires) {
				state = w[2]
			}
		}
		if t.Revoked != nil {
			state, end = w[1], day(*t.Revoked)
		}
		fmt.Fprintf(out, "%s  %s, %s  %s  %s\n", t.ID, state, end, t.Name, what(t.Grant))
	}
	for _, c := range f.Certificates {
		fmt.Fprintf(out, "%s  %s  %s\n", c.Identity, c.Name, what(c.Grant))
	}
	for _, d := range f.Denied {
		fmt.Fprintf(out, "%s %s  %s  %s\n", w[6], hex.EncodeToString(d.SHA256[:]), day(d.Denied), d.Reason)
	}
	return nil
}

func tokenRevokeCommand() *cobra.Command {
	var o credentials
	c := &cobra.Command{
		Use:   "revoke ID",
		Short: "End a token, by its id, or what a certificate's identity may do",
		Example: `  freshet token revoke k3vq7x2a
  freshet token revoke freshet://hydrology/enping-1`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			say, err := o.words("已撤销，两秒内生效\n", "revoked; a running server follows within two seconds\n")
			if err != nil {
				return err
			}
			if err := o.update(cmd, func(f *auth.File) error { return f.Revoke(args[0], time.Now().UTC()) }); err != nil {
				return err
			}
			return o.done(cmd, say, map[string]any{"revoked": true})
		},
	}
	o.flags(c)
	return c
}

func (o *credentials) done(cmd *cobra.Command, say string, object any) error {
	if o.asJSON {
		return encodeJSON(cmd, object)
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), say)
	return err
}

func bindCertCommand() *cobra.Command {
	var (
		o credentials
		g = auth.Grant{Role: auth.Gateway.String()}
	)
	c := &cobra.Command{
		Use:   "bind-cert GATEWAY",
		Short: "Let the certificate of a gateway write stations",
		Long: `Bind-cert lets a gateway in by its certificate. The certificate must be signed by a CA
in the server's --tls-client-ca and carry one URI of the form
freshet://DEPARTMENT/GATEWAY as subject alternative name. To bind it again replaces
what it may write.`,
		Example: `  freshet token bind-cert enping-1 --department hydrology --prefix h-enping`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			say, err := o.words("已绑定 %s\n", "bound %s\n")
			if err != nil {
				return err
			}
			g.Name = args[0]
			var bound auth.Certificate
			if err := o.update(cmd, func(f *auth.File) (err error) {
				bound, err = f.Bind(g, args[0], time.Now().UTC().Truncate(time.Second))
				return err
			}); err != nil {
				return err
			}
			return o.done(cmd, fmt.Sprintf(say, bound.Identity), bound)
		},
	}
	grantFlags(c, &g)
	o.flags(c)
	return c
}

func denyCertCommand() *cobra.Command {
	var (
		o      credentials
		reason string
	)
	c := &cobra.Command{
		Use:   "deny-cert FILE|SHA256",
		Short: "Shut out one certificate, whatever its identity",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			say, err := o.words("已禁用证书 %x\n", "denied %x\n")
			if err != nil {
				return err
			}
			fingerprint, err := parseFingerprint(args[0])
			if err != nil {
				return err
			}
			if err := o.update(cmd, func(f *auth.File) error {
				f.Deny(fingerprint, reason, time.Now().UTC().Truncate(time.Second))
				return nil
			}); err != nil {
				return err
			}
			return o.done(cmd, fmt.Sprintf(say, fingerprint), map[string]any{"denied": fingerprint})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the list")
	o.flags(c)
	return c
}

// parseFingerprint reads the SHA-256 of a certificate, in any of the ways that
// tools print it, or computes that of one in a PEM file.
func parseFingerprint(s string) (auth.Hash, error) {
	var h auth.Hash
	if err := h.UnmarshalText([]byte(strings.ToLower(strings.ReplaceAll(s, ":", "")))); err == nil {
		return h, nil
	}
	data, err := os.ReadFile(s)
	if err != nil {
		return h, fmt.Errorf("%q is neither a SHA-256 nor a file: %w: %w", s, err, hydro.ErrInvalid)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return h, fmt.Errorf("%s: no certificate in PEM: %w", s, hydro.ErrInvalid)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return h, fmt.Errorf("%s: %w: %w", s, err, hydro.ErrInvalid)
	}
	return auth.Fingerprint(cert), nil
}
