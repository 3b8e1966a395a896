package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newHealthcheck(o *options) *cobra.Command {
	var live bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "healthcheck [URL]",
		Short: "Ask a running server whether it is ready (exit code 1 if not)",
		Long: `Ask a running server whether it is ready (exit code 1 if not).

Without a URL it asks the public listener that is configured. Where that has a
certificate, the server must show the very one of tls.cert; for a URL the usual
checks apply.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/readyz"
			if live {
				path = "/livez"
			}
			client := &http.Client{
				Transport:     &http.Transport{}, // no proxy: this is about one server
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			}
			base := ""
			if len(args) == 1 {
				base = args[0]
			} else {
				c, err := o.load(cmd)
				if err != nil {
					return err
				}
				if base, client.Transport, err = c.ownServer(); err != nil {
					return err
				}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), wait)
			defer cancel()
			if err := askHealth(ctx, client, base, path); err != nil {
				return err
			}
			return o.print(cmd, map[string]string{"status": "ok"}, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, "ok")
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "ask only whether it runs (/livez)")
	cmd.Flags().DurationVar(&wait, "timeout", 5*time.Second, "how long to wait for the answer")
	addKeyFlags(cmd, "public.addr", "tls.cert")
	return cmd
}

func askHealth(ctx context.Context, client *http.Client, base, path string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return usageError{fmt.Errorf("%q is not a base URL like http://127.0.0.1:9000", base)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.JoinPath(path).String(), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return fmt.Errorf("%s: %s: %s", req.URL.Redacted(), resp.Status, strings.TrimSpace(string(why)))
	}
	return nil
}

// ownServer is how this machine reaches the public listener of a server with
// the same configuration.
func (c Config) ownServer() (string, *http.Transport, error) {
	host, port, err := net.SplitHostPort(c.PublicAddr)
	if err != nil || port == "0" {
		return "", nil, c.wrong("public.addr", c.PublicAddr+" does not tell the port; name the URL")
	}
	addr := net.JoinHostPort(reachable(host), port)
	if c.TLSCert == "" {
		return "http://" + addr, &http.Transport{}, nil
	}
	pinned, err := pinnedTo(c.TLSCert)
	if err != nil {
		return "", nil, c.wrong("tls.cert", err.Error())
	}
	return "https://" + addr, &http.Transport{TLSClientConfig: pinned}, nil
}

// pinnedTo trusts exactly the certificate of a file, under whatever name: the
// address at which a machine reaches itself is seldom in its certificate.
func pinnedTo(certFile string) (*tls.Config, error) {
	own, err := leafOf(certFile)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // replaced by the comparison below, which every connection passes
		VerifyConnection: func(s tls.ConnectionState) error {
			shown := s.PeerCertificates[0]
			if !bytes.Equal(shown.Raw, own.Raw) {
				return errors.New("the server shows another certificate than that of tls.cert")
			}
			if now := time.Now(); now.Before(shown.NotBefore) || now.After(shown.NotAfter) {
				return x509.CertificateInvalidError{Cert: shown, Reason: x509.Expired}
			}
			return nil
		},
	}, nil
}
