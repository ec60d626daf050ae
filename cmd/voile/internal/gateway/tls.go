package gateway

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"
)

// Certificate is a certificate with its key, in files that change now and then.
type Certificate struct {
	certificate, key string
	current          atomic.Pointer[tls.Certificate]
}

// LoadCertificate reads a PEM certificate with its chain, and its key.
func LoadCertificate(certificate, key string) (*Certificate, error) {
	c := &Certificate{certificate: certificate, key: key}
	return c, c.Reload()
}

// Reload reads the files again. If that fails, what was read before stays in use.
func (c *Certificate) Reload() error {
	pair, err := tls.LoadX509KeyPair(c.certificate, c.key)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", c.certificate, err)
	}
	c.current.Store(&pair)
	return nil
}

// Config is for servers, whose new connections get the certificate that is current.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"}, // WebSockets need it
	}
}
