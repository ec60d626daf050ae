package client_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voile-net/voile/client"
)

// guarded is a server with TLS that wants a token, as "voile serve" is on addresses
// that others can reach.
func guarded(t *testing.T, token string) (address, fingerprint string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	roots = x509.NewCertPool()
	roots.AddCert(cert)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	check(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { serveGuarded(conn, token) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	sum := sha256.Sum256(der)
	return "tls://" + l.Addr().String(), hex.EncodeToString(sum[:]), roots
}

func serveGuarded(conn net.Conn, token string) {
	defer conn.Close()
	s := bufio.NewScanner(conn)
	for first := true; s.Scan(); first = false {
		var r request
		if json.Unmarshal(s.Bytes(), &r) != nil || first && (r["op"] != "Auth" || r["token"] != token) {
			return
		}
		line := fmt.Sprintf(`{"type":"Response","id":%d,"op":%q,"value":null}`, r.id(), r["op"])
		if !first {
			line = echo(r)[0]
		}
		if _, err := io.WriteString(conn, line+"\n"); err != nil {
			return
		}
	}
}

func TestTokenAndTLS(t *testing.T) {
	address, fingerprint, roots := guarded(t, "the right one")
	colons := strings.ToUpper(fingerprint[:2])
	for i := 2; i < len(fingerprint); i += 2 {
		colons += ":" + strings.ToUpper(fingerprint[i:i+2])
	}
	plain := strings.TrimPrefix(address, "tls://")
	var unknown x509.UnknownAuthorityError
	for _, tt := range []struct {
		name, address string
		o             client.Options
		good          bool
		is            error // nil: any
	}{
		{"roots", address, client.Options{Token: "the right one", TLS: &tls.Config{RootCAs: roots}}, true, nil},
		{"fingerprint", address, client.Options{Token: "the right one", Fingerprint: fingerprint}, true, nil},
		{"fingerprint with colons", address, client.Options{Token: "the right one", Fingerprint: colons}, true, nil},
		{"another fingerprint", address, client.Options{Token: "the right one", Fingerprint: strings.Repeat("00", 32)}, false, client.ErrFingerprint},
		{"no fingerprint", address, client.Options{Token: "the right one", Fingerprint: "xx"}, false, nil},
		{"unknown certificate", address, client.Options{Token: "the right one"}, false, unknown},
		{"wrong token", address, client.Options{Token: "a wrong one", Fingerprint: fingerprint}, false, client.ErrToken},
		{"without TLS", plain, client.Options{Token: "the right one"}, false, client.ErrToken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := client.Dial(t.Context(), tt.address, tt.o)
			if !tt.good {
				if err == nil {
					c.Close()
					t.Fatal("connected")
				}
				if _, isCert := tt.is.(x509.UnknownAuthorityError); isCert {
					if !errors.As(err, &unknown) {
						t.Errorf("it failed with %v", err)
					}
				} else if tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("it failed with %v, want %v", err, tt.is)
				}
				return
			}
			check(t, err)
			defer c.Close()
			if got, err := c.Debug(t.Context(), "x"); got != "x" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
