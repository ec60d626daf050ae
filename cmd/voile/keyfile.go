package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/voile-net/voile/core/crypto"
)

// keyFile is the JSON form of a key pair.
type keyFile struct {
	PublicKey string `json:"public_key"`
	SecretKey string `json:"secret_key,omitempty"`
	NodeID    string `json:"node_id"`
}

// maxKeyFile is more than any form of a key pair has.
const maxKeyFile = 64 << 10

// readKeyPair reads a key pair from a file, or from stdin for "-": either
// KIND:public:secret, or JSON as "voile keys" prints it.
func readKeyPair(path string, stdin io.Reader) (crypto.KeyPair, error) {
	text, err := readKeyText(path, stdin)
	if err != nil {
		return crypto.KeyPair{}, err
	}
	pair, err := parseKeyPair(text)
	if err != nil {
		return crypto.KeyPair{}, misused("%s: %w", path, err)
	}
	return pair, nil
}

func readKeyText(path string, stdin io.Reader) ([]byte, error) {
	if path == "-" && stdin != nil {
		return io.ReadAll(io.LimitReader(stdin, maxKeyFile))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, misused("%w", err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxKeyFile))
}

func parseKeyPair(text []byte) (pair crypto.KeyPair, err error) {
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("{")) {
		if err := pair.UnmarshalText(text); err != nil {
			return pair, fmt.Errorf("not a key pair: %w", err)
		}
		return checkKeyPair(pair)
	}
	var f keyFile
	if err := json.Unmarshal(text, &f); err != nil {
		return pair, fmt.Errorf("not a key pair: %w", err)
	}
	if f.SecretKey == "" {
		return pair, fmt.Errorf("there is no secret_key in it")
	}
	if pair.Public, err = crypto.Parse[crypto.PublicKey](f.PublicKey); err != nil {
		return pair, fmt.Errorf("public_key: %w", err)
	}
	if pair.Secret, err = crypto.Parse[crypto.SecretKey](f.SecretKey); err != nil {
		return pair, fmt.Errorf("secret_key: %w", err)
	}
	return checkKeyPair(pair)
}

// checkKeyPair makes sure that the halves belong together.
func checkKeyPair(pair crypto.KeyPair) (crypto.KeyPair, error) {
	c, err := crypto.New(crypto.Config{})
	if err != nil {
		return pair, err
	}
	sys, err := c.Get(pair.KindOf())
	if err != nil {
		return pair, err
	}
	if ok, err := sys.ValidateKeyPair(pair); err != nil || !ok {
		return pair, fmt.Errorf("public and secret key do not belong together")
	}
	return pair, nil
}

// readPublicKey takes a public key as it is, or that of a key pair file.
func readPublicKey(text string, stdin io.Reader) (crypto.PublicKey, error) {
	if key, err := crypto.Parse[crypto.PublicKey](text); err == nil {
		return key, nil
	}
	pair, err := readKeyPair(text, stdin)
	if err != nil {
		if strings.Contains(text, ":") {
			return crypto.PublicKey{}, misused("%s is neither a public key nor a file", text)
		}
		return crypto.PublicKey{}, err
	}
	return pair.Public, nil
}
