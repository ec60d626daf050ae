package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/network/bootstrap"
	"github.com/voile-net/voile/core/wire"
)

func newBootstrapRecordCommand(io streams) *cobra.Command {
	var hostname, sign string
	var keys, dials []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bootstrap-record",
		Short: "Make the record by which others join at a node",
		Long: `Prints a bootstrap record: where a node can be reached and which keys it has. Put
it into a TXT record in DNS, or give it to other nodes with --bootstrap-record.

Without --sign the record is of version 0, which a node takes only if it has no
bootstrap keys. With --sign it is of version 1, signed by that key pair; nodes
that have its public key among their bootstrap keys take it.`,
		Example: `  voile bootstrap-record --hostname n1.example.org --keys node.key --dial U5150,T5150,W5150/ws
  voile bootstrap-record --hostname n1.example.org --keys node.key --dial U5150,T5150 --sign signer.key
  voile bootstrap-record verify '1|0|VLD0:...' --signer VLD0:...`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			r, err := makeRecord(hostname, keys, dials, io)
			if err != nil {
				return err
			}
			text := r.Text()
			if sign != "" {
				if text, err = signRecord(r, sign, io); err != nil {
					return err
				}
			}
			return printRecord(io, text, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&hostname, "hostname", "", "name or IP address at which the node is reached")
	flags.StringSliceVar(&keys, "keys", nil, "public `key` of the node, or a key pair file")
	flags.StringSliceVar(&dials, "dial", nil, "protocols and ports: U5150 for UDP, T5150 for TCP, W5150/ws for WebSocket")
	flags.StringVar(&sign, "sign", "", "key pair `file` to sign with")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(newRecordVerifyCommand(io))
	return cmd
}

func makeRecord(hostname string, keys, dials []string, io streams) (*bootstrap.Record, error) {
	switch {
	case hostname == "" || strings.ContainsAny(hostname, "| ,"):
		return nil, misused("--hostname: want the name or IP address at which the node is reached")
	case len(keys) == 0:
		return nil, misused("--keys: want the public key of the node, or its key pair file (make one with \"voile keys new --out FILE\")")
	case len(dials) == 0:
		return nil, misused("--dial: want protocols and ports, such as U5150,T5150,W5150/ws")
	}
	r := &bootstrap.Record{EnvelopeVersions: []wire.EnvelopeVersion{wire.ENV0}, Hostname: hostname}
	for _, text := range keys {
		key, err := readPublicKey(text, io.in)
		if err != nil {
			return nil, err
		}
		r.PublicKeys = append(r.PublicKeys, key)
	}
	for _, text := range dials {
		d, err := parseShortDial(text)
		if err != nil {
			return nil, err
		}
		r.Dials = append(r.Dials, d)
	}
	if _, err := bootstrap.Parse(r.Text()); err != nil {
		return nil, misused("%w", err)
	}
	return r, nil
}

// parseShortDial reads what a record may say of a port, and wants it well-formed.
func parseShortDial(text string) (bootstrap.ShortDial, error) {
	d, ok := bootstrap.ParseShortDial(text)
	if !ok || strings.Contains(text, "/") != (d.Protocol == wire.WS) || strings.ContainsAny(d.Path, "|, ") {
		return d, misused("--dial %s: want U or T and a port, or W, a port, / and a path", text)
	}
	return d, nil
}

func signRecord(r *bootstrap.Record, keyFile string, io streams) (string, error) {
	pair, err := readKeyPair(keyFile, io.in)
	if err != nil {
		return "", err
	}
	c, err := crypto.New(crypto.Config{})
	if err != nil {
		return "", err
	}
	r.Version, r.Timestamp = 1, uint64(time.Now().Unix())
	return r.Sign(c, pair)
}

// recordJSON is a record taken apart.
type recordJSON struct {
	Record     string   `json:"record"`
	Version    uint8    `json:"version"`
	Hostname   string   `json:"hostname"`
	PublicKeys []string `json:"public_keys"`
	Dials      []string `json:"dials"`
	Timestamp  uint64   `json:"timestamp,omitempty"`
	Verified   *bool    `json:"verified,omitempty"` // absent: nobody asked
}

func recordOf(text string) (recordJSON, *bootstrap.Record, error) {
	r, err := bootstrap.Parse(text)
	if err != nil {
		return recordJSON{}, nil, misused("%w", err)
	}
	j := recordJSON{Record: text, Version: r.Version, Hostname: r.Hostname, Timestamp: r.Timestamp}
	for _, k := range r.PublicKeys {
		j.PublicKeys = append(j.PublicKeys, k.String())
	}
	for _, d := range r.Dials {
		j.Dials = append(j.Dials, d.String())
	}
	return j, r, nil
}

func printRecord(io streams, text string, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Fprintln(io.out, text)
		return err
	}
	j, _, err := recordOf(text)
	if err != nil {
		return err
	}
	return printJSON(io.out, j)
}

func newRecordVerifyCommand(io streams) *cobra.Command {
	var signers []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify RECORD",
		Short: "Check a bootstrap record and its signature",
		Long: `Reads a record and prints what is in it. With --signer its signature must be of
one of these keys; a record of version 0 has none and fails then.`,
		Example: `  voile bootstrap-record verify '0|0|VLD0:...|n1.example.org|T5150,U5150'
  voile bootstrap-record verify "$RECORD" --signer VLD0:...`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			j, r, err := recordOf(args[0])
			if err != nil {
				return err
			}
			if len(signers) > 0 {
				if err := verifyRecord(r, signers, io); err != nil {
					return err
				}
				ok := true
				j.Verified = &ok
			}
			if asJSON {
				return printJSON(io.out, j)
			}
			_, err = fmt.Fprintf(io.out, "version   %d\nhostname  %s\nkeys      %s\ndial      %s\n",
				j.Version, j.Hostname, strings.Join(j.PublicKeys, " "), strings.Join(j.Dials, " "))
			if err == nil && j.Version > 0 {
				_, err = fmt.Fprintf(io.out, "signed    %s\n", time.Unix(int64(j.Timestamp), 0).UTC().Format(time.RFC3339))
			}
			return err
		},
	}
	cmd.Flags().StringSliceVar(&signers, "signer", nil, "public `key` that may have signed, or a key pair file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func verifyRecord(r *bootstrap.Record, signers []string, io streams) error {
	if r.Version == 0 {
		return fmt.Errorf("a record of version 0 is not signed")
	}
	var keys []crypto.PublicKey
	for _, text := range signers {
		key, err := readPublicKey(text, io.in)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	c, err := crypto.New(crypto.Config{})
	if err != nil {
		return err
	}
	return r.Verify(c, keys)
}
