package client

import (
	"context"
	"encoding/json"
)

// The requests to the program that hosts the node (spec 07 §5.7).

// Control is a request to the program that hosts the node. The methods below are
// those that there are.
func (c *Client) Control(ctx context.Context, args ...string) (string, error) {
	if args == nil {
		args = []string{}
	}
	return call[string](ctx, c, "Control", struct {
		Args []string `json:"args"`
	}{args})
}

// Shutdown stops the server. The connection ends soon after.
func (c *Client) Shutdown(ctx context.Context) error {
	_, err := c.Control(ctx, "Shutdown")
	return err
}

// ChangeLogLevel changes what a layer of the log lets through. Layers are all,
// terminal, file, api and system; directives are separated by commas: "debug",
// "network=trace".
func (c *Client) ChangeLogLevel(ctx context.Context, layer, directives string) error {
	_, err := c.Control(ctx, "ChangeLogLevel", layer, directives)
	return err
}

// ChangeLogIgnore changes what a layer of the log leaves out.
func (c *Client) ChangeLogIgnore(ctx context.Context, layer, changes string) error {
	_, err := c.Control(ctx, "ChangeLogIgnore", layer, changes)
	return err
}

// GetServerSettings are the settings of the server, without its secrets.
func (c *Client) GetServerSettings(ctx context.Context) (json.RawMessage, error) {
	text, err := c.Control(ctx, "GetServerSettings")
	return json.RawMessage(text), err
}

// EmitSchema is the JSON schema of "Request" or "RecvMessage".
func (c *Client) EmitSchema(ctx context.Context, name string) (json.RawMessage, error) {
	text, err := c.Control(ctx, "EmitSchema", name)
	return json.RawMessage(text), err
}
