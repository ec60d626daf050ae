package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"github.com/voile-net/voile/core/crypto"
	"gopkg.in/yaml.v3"
)

func newKeysCommand(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make, show and convert key pairs",
		Long: `A key pair is an identity: of a node, of an application, of whoever signs
bootstrap records. In a file it is one line, KIND:public:secret, or JSON. Keep
such files to yourself: who has the secret key, is you.`,
		Example: `  voile keys new --out node.key         a new identity in a file
  voile keys show node.key              its public key and node id
  voile keys convert node.key --to config   lines for a configuration file`,
	}
	group(cmd)
	cmd.AddCommand(newKeysNewCommand(io), newKeysShowCommand(io), newKeysConvertCommand(io))
	return cmd
}

func newKeysNewCommand(io streams) *cobra.Command {
	var seed, out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make a key pair",
		Long: `Makes a key pair and prints it, with its secret key, as one line on stdout. With
--out it goes into a new file that only you can read, and only the public key is
printed.`,
		Example: `  voile keys new
  voile keys new --out node.key
  voile keys new --seed 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			pair, err := newKeyPair(seed)
			if err != nil {
				return err
			}
			if out != "" {
				if err := writeSecret(out, pair.Text()+"\n"); err != nil {
					return err
				}
				return printPublic(io, pair, asJSON)
			}
			if asJSON {
				return printJSON(io.out, keyFileOf(pair))
			}
			_, err = fmt.Fprintln(io.out, pair.Text())
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`file` to write the pair to; it must not exist")
	cmd.Flags().StringVar(&seed, "seed", "", "make the pair of these 32 bytes (`hex` or base64url), the secret key itself")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// newKeyPair makes a pair of a seed, or of random bytes if it is empty.
func newKeyPair(seed string) (crypto.KeyPair, error) {
	var source seedReader
	cfg := crypto.Config{}
	if seed != "" {
		b, err := hex.DecodeString(seed)
		if err != nil {
			b, err = crypto.DecodeBase64(seed)
		}
		if err != nil || len(b) != crypto.ValueSize {
			return crypto.KeyPair{}, misused("--seed: want %d bytes in hex or base64url", crypto.ValueSize)
		}
		source.rest = b
		cfg.Rand = &source
	}
	c, err := crypto.New(cfg)
	if err != nil {
		return crypto.KeyPair{}, err
	}
	return c.Best().GenerateKeyPair()
}

// seedReader gives its bytes once.
type seedReader struct{ rest []byte }

func (r *seedReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, errors.New("seed is used up")
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// writeSecret makes a new file that only its owner can read.
func writeSecret(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return misused("%s exists and is not overwritten; choose another name", path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func newKeysShowCommand(io streams) *cobra.Command {
	var asJSON, secret bool
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Print the public key and node id of a key pair",
		Example: `  voile keys show node.key
  voile keys show --json - < node.key`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			pair, err := readKeyPair(args[0], io.in)
			if err != nil {
				return err
			}
			if !secret {
				return printPublic(io, pair, asJSON)
			}
			if asJSON {
				return printJSON(io.out, keyFileOf(pair))
			}
			_, err = fmt.Fprintln(io.out, pair.Text())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&secret, "secret", false, "print the secret key as well")
	return cmd
}

func newKeysConvertCommand(io streams) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "Print a key pair in another form, secret key included",
		Long: `Prints a key pair as one line (text), as JSON (json), or as lines for a
configuration file (config). All of them have the secret key in them.`,
		Example: `  voile keys convert node.key --to json > node.json
  voile keys convert node.json --to config >> voile.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			pair, err := readKeyPair(args[0], io.in)
			if err != nil {
				return err
			}
			switch to {
			case "text":
				_, err = fmt.Fprintln(io.out, pair.Text())
				return err
			case "json":
				return printJSON(io.out, keyFileOf(pair))
			case "config":
				e := yaml.NewEncoder(io.out)
				e.SetIndent(2)
				return errors.Join(e.Encode(map[string]any{"network": map[string]any{"routing_table": map[string]any{
					"public_keys": []string{pair.Public.String()}, "secret_keys": []string{pair.Secret.Text()},
				}}}), e.Close())
			}
			return misused("--to %s: want text, json or config", to)
		},
	}
	cmd.Flags().StringVar(&to, "to", "text", "text, json or config")
	return cmd
}

func keyFileOf(pair crypto.KeyPair) keyFile {
	return keyFile{PublicKey: pair.Public.String(), SecretKey: pair.Secret.Text(), NodeID: crypto.NodeIDOf(pair.Public).String()}
}

// printPublic prints what others may know.
func printPublic(io streams, pair crypto.KeyPair, asJSON bool) error {
	f := keyFileOf(pair)
	f.SecretKey = ""
	if asJSON {
		return printJSON(io.out, f)
	}
	_, err := fmt.Fprintf(io.out, "public key  %s\nnode id     %s\n", f.PublicKey, f.NodeID)
	return err
}
