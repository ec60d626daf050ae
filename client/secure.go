package client

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"
)

// What a server wants on addresses that others can reach: TLS, and a token in the
// first line. Real servers have neither.

// tlsConfig is the configuration for a server.
func (o Options) tlsConfig(a Address) *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		cfg = o.TLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(a.Where) // it has a port: see ParseAddress
	}
	if o.Fingerprint != "" {
		cfg.InsecureSkipVerify = true // the certificate is known by its fingerprint
		cfg.VerifyConnection = func(s tls.ConnectionState) error { return checkFingerprint(s, o.Fingerprint) }
	}
	return cfg
}

func checkFingerprint(s tls.ConnectionState, want string) error {
	sum, err := hex.DecodeString(strings.ReplaceAll(want, ":", ""))
	if err != nil || len(sum) != sha256.Size {
		return fmt.Errorf("fingerprint %q: want %d bytes in hexadecimal", want, sha256.Size)
	}
	got := sha256.Sum256(s.PeerCertificates[0].Raw)
	if subtle.ConstantTimeCompare(got[:], sum) != 1 {
		return fmt.Errorf("%w: %X", ErrFingerprint, got)
	}
	return nil
}

// greet shows the token and waits until the server lets us in.
func greet(ctx context.Context, nc net.Conn, r *bufio.Reader, token string) error {
	if end, ok := ctx.Deadline(); ok {
		nc.SetDeadline(end)
	}
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := json.Marshal(struct {
		ID    uint32 `json:"id"`
		Op    string `json:"op"`
		Token string `json:"token"`
	}{1, "Auth", token})
	if err != nil {
		return err
	}
	if _, err := nc.Write(append(line, '\n')); err != nil {
		return err
	}
	text, err := r.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("%w: %w", ErrToken, err)
	}
	var answer response
	if err := json.Unmarshal(text, &answer); err != nil || answer.Op != "Auth" || len(answer.Error) > 0 {
		return ErrToken
	}
	return nc.SetDeadline(time.Time{})
}
