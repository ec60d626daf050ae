package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// MinToken is the shortest token that is taken, in bytes.
const MinToken = 16

// maxTokenFile is more than a token has.
const maxTokenFile = 4 << 10

// LoadToken reads a token from a file; if there is none, it makes one, of 32
// random bytes, that only its owner can read. open: others can read the file.
func LoadToken(path string) (token string, made, open bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		b := make([]byte, 32)
		rand.Read(b)
		token = base64.RawURLEncoding.EncodeToString(b)
		return token, true, false, writeSecret(path, []byte(token+"\n"))
	}
	if err != nil {
		return "", false, false, err
	}
	if info.Size() > maxTokenFile {
		return "", false, false, fmt.Errorf("%s: more than %d bytes", path, maxTokenFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", false, false, err
	}
	token = strings.TrimSpace(string(text))
	if len(token) < MinToken || strings.ContainsAny(token, " \t\r\n") {
		return "", false, false, fmt.Errorf("%s: a token has at least %d characters and no space", path, MinToken)
	}
	return token, false, info.Mode().Perm()&0o077 != 0, nil
}

func writeSecret(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// LoadTLS reads a certificate and its key. Without paths it takes the ones kept
// in directory, which it makes if there are none: signed by themselves, good for
// ten years, to be known by their fingerprint.
func LoadTLS(certificate, key, directory string, now time.Time) (*tls.Config, error) {
	if certificate == "" {
		certificate, key = filepath.Join(directory, "api.crt"), filepath.Join(directory, "api.key")
		if _, err := os.Stat(certificate); errors.Is(err, fs.ErrNotExist) {
			if err := makeCertificate(certificate, key, now); err != nil {
				return nil, fmt.Errorf("make a certificate: %w", err)
			}
		}
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", certificate, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}, nil
}

// Fingerprint is the SHA-256 of the certificate, as browsers and openssl show it.
func Fingerprint(cfg *tls.Config) string {
	sum := sha256.Sum256(cfg.Certificates[0].Certificate[0])
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	var b strings.Builder
	for i := 0; i < len(text); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(text[i : i+2])
	}
	return b.String()
}

func makeCertificate(certificate, key string, now time.Time) error {
	if err := os.MkdirAll(filepath.Dir(certificate), 0o700); err != nil {
		return err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "localhost" {
		names = append(names, host)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "voile api"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, DNSNames: names, IPAddresses: ownIPs(),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	os.Remove(key) // of a try that came to no certificate
	if err := writeSecret(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})); err != nil {
		return err
	}
	return os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// ownIPs are the addresses of this machine now.
func ownIPs() (ips []net.IP) {
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			ips = append(ips, n.IP)
		}
	}
	return ips
}
