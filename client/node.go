package client

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core/crypto"
)

// The operations of the node as a whole (spec 07 §5.5).

// do runs an operation without a value.
func (c *Client) do(ctx context.Context, op string, params any) error {
	_, err := call[nothing](ctx, c, op, params)
	return err
}

// GetState is everything about the node at once. Its configuration has secret keys
// in it.
func (c *Client) GetState(ctx context.Context) (*State, error) {
	return call[*State](ctx, c, "GetState", nil)
}

// IsShutdown reports whether the node has stopped.
func (c *Client) IsShutdown(ctx context.Context) (bool, error) {
	return call[bool](ctx, c, "IsShutdown", nil)
}

// Attach lets the node join the network, and returns before it has.
func (c *Client) Attach(ctx context.Context) error { return c.do(ctx, "Attach", nil) }

// Detach lets the node leave the network.
func (c *Client) Detach(ctx context.Context) error { return c.do(ctx, "Detach", nil) }

// ChangeConfig replaces the configuration, while the node is detached.
func (c *Client) ChangeConfig(ctx context.Context, config Config) error {
	return c.do(ctx, "ChangeConfig", struct {
		Config Config `json:"config"`
	}{config})
}

// ReportAppLifecycleState tells whether the user sees the application.
func (c *Client) ReportAppLifecycleState(ctx context.Context, state jsonapi.VeilidAppLifecycleState) error {
	return c.do(ctx, "ReportAppLifecycleState", struct {
		State jsonapi.VeilidAppLifecycleState `json:"state"`
	}{state})
}

// WaitForAttachmentCondition waits until a condition holds, on the node's side: for
// the timeout, or until ctx ends if that is 0. A nil condition is: attached and
// ready.
func (c *Client) WaitForAttachmentCondition(ctx context.Context, condition *Condition, timeout time.Duration) (*AttachmentState, error) {
	return call[*AttachmentState](ctx, c, "WaitForAttachmentCondition", struct {
		Condition *Condition `json:"condition"`
		TimeoutMS *uint64    `json:"timeout_ms"`
	}{condition, milliseconds(timeout)})
}

// milliseconds is a time limit; nil: none.
func milliseconds(d time.Duration) *uint64 {
	if d <= 0 {
		return nil
	}
	ms := uint64((d + time.Millisecond - 1) / time.Millisecond)
	return &ms
}

// NewPrivateRoute makes a private route that others can send to.
func (c *Client) NewPrivateRoute(ctx context.Context) (RouteBlob, error) {
	return call[RouteBlob](ctx, c, "NewPrivateRoute", nil)
}

// NewCustomPrivateRoute makes a private route as told.
func (c *Client) NewCustomPrivateRoute(ctx context.Context, spec PrivateSpec) (RouteBlob, error) {
	return call[RouteBlob](ctx, c, "NewCustomPrivateRoute", struct {
		Spec PrivateSpec `json:"private_spec"`
	}{spec})
}

// ImportRemotePrivateRoute takes the blob of somebody's route and gives the id to
// send to it by: see [ToRoute].
func (c *Client) ImportRemotePrivateRoute(ctx context.Context, blob []byte) (crypto.RouteID, error) {
	return call[crypto.RouteID](ctx, c, "ImportRemotePrivateRoute", struct {
		Blob jsonapi.Bytes `json:"blob"`
	}{blob})
}

// ReleasePrivateRoute gives up a route, an own or an imported one.
func (c *Client) ReleasePrivateRoute(ctx context.Context, id crypto.RouteID) error {
	return c.do(ctx, "ReleasePrivateRoute", struct {
		ID crypto.RouteID `json:"route_id"`
	}{id})
}

// AppCallReply answers an AppCall, within five seconds of its arrival.
func (c *Client) AppCallReply(ctx context.Context, id CallID, message []byte) error {
	return c.do(ctx, "AppCallReply", struct {
		ID      CallID        `json:"call_id"`
		Message jsonapi.Bytes `json:"message"`
	}{id, message})
}

// GenerateMemberID is the member id of a writer, for schemas with members.
func (c *Client) GenerateMemberID(ctx context.Context, writer crypto.PublicKey) (crypto.MemberID, error) {
	return call[crypto.MemberID](ctx, c, "GenerateMemberId", struct {
		Writer crypto.PublicKey `json:"writer_key"`
	}{writer})
}

// GetDHTRecordKey computes the key of a record. A nil encryption key: none.
func (c *Client) GetDHTRecordKey(ctx context.Context, schema Schema, owner crypto.PublicKey, encryption *SharedSecret) (RecordKey, error) {
	return call[RecordKey](ctx, c, "GetDhtRecordKey", struct {
		Schema     Schema           `json:"schema"`
		Owner      crypto.PublicKey `json:"owner"`
		Encryption *SharedSecret    `json:"encryption_key"`
	}{schema, owner, encryption})
}

// Now is the node's clock.
func (c *Client) Now(ctx context.Context) (time.Time, error) { return c.now(ctx, "Now") }

// NowNonDecreasing is a time that is never below one given before.
func (c *Client) NowNonDecreasing(ctx context.Context) (time.Time, error) {
	return c.now(ctx, "NowNonDecreasing")
}

// NowIncreasing is a time that is always above those given before.
func (c *Client) NowIncreasing(ctx context.Context) (time.Time, error) {
	return c.now(ctx, "NowIncreasing")
}

func (c *Client) now(ctx context.Context, op string) (time.Time, error) {
	t, err := call[jsonapi.Timestamp](ctx, c, op, nil)
	if err != nil {
		return time.Time{}, err
	}
	return t.Time(), nil
}

type secretParams struct {
	Key string `json:"key"`
}

// SaveUserSecret keeps a secret where the device keeps its own, and reports whether
// there was one of that name.
func (c *Client) SaveUserSecret(ctx context.Context, key string, value []byte) (replaced bool, err error) {
	return call[bool](ctx, c, "SaveUserSecret", struct {
		secretParams
		Value jsonapi.Bytes `json:"value"`
	}{secretParams{key}, value})
}

// LoadUserSecret is a secret of SaveUserSecret; ok is false if there is none.
func (c *Client) LoadUserSecret(ctx context.Context, key string) (value []byte, ok bool, err error) {
	return optional(call[*jsonapi.Bytes](ctx, c, "LoadUserSecret", secretParams{key}))
}

// RemoveUserSecret forgets a secret, and reports whether there was one.
func (c *Client) RemoveUserSecret(ctx context.Context, key string) (removed bool, err error) {
	return call[bool](ctx, c, "RemoveUserSecret", secretParams{key})
}

// ListUserSecrets are the names of all secrets, in no order.
func (c *Client) ListUserSecrets(ctx context.Context) ([]string, error) {
	return call[[]string](ctx, c, "ListUserSecrets", nil)
}

// DeleteAllUserSecrets forgets all secrets of SaveUserSecret.
func (c *Client) DeleteAllUserSecrets(ctx context.Context) error {
	return c.do(ctx, "DeleteAllUserSecrets", nil)
}

// optional tells bytes that are not there from none.
func optional(b *jsonapi.Bytes, err error) ([]byte, bool, error) {
	if err != nil || b == nil {
		return nil, false, err
	}
	return *b, true, nil
}

// Debug runs a line of the debug language (spec 07 §9). Its text is for people.
func (c *Client) Debug(ctx context.Context, command string) (string, error) {
	return call[string](ctx, c, "Debug", struct {
		Command string `json:"command"`
	}{command})
}

// VeilidVersionString is the version of the API, such as "0.5.8".
func (c *Client) VeilidVersionString(ctx context.Context) (string, error) {
	return call[string](ctx, c, "VeilidVersionString", nil)
}

// VeilidVersion is the version of the API.
func (c *Client) VeilidVersion(ctx context.Context) (Version, error) {
	return call[Version](ctx, c, "VeilidVersion", nil)
}

// VeilidFeatures are the names of what the node was built with.
func (c *Client) VeilidFeatures(ctx context.Context) ([]string, error) {
	return call[[]string](ctx, c, "VeilidFeatures", nil)
}

// DefaultVeilidConfig is the default configuration of the node.
func (c *Client) DefaultVeilidConfig(ctx context.Context) (Config, error) {
	text, err := call[string](ctx, c, "DefaultVeilidConfig", nil)
	if err != nil {
		return Config{}, err
	}
	var config Config
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return Config{}, fmt.Errorf("DefaultVeilidConfig: %w", err)
	}
	return config, nil
}

// ValidCryptoKinds are the kinds of cryptography of the node, the best first.
func (c *Client) ValidCryptoKinds(ctx context.Context) ([]crypto.Kind, error) {
	return call[[]crypto.Kind](ctx, c, "ValidCryptoKinds", nil)
}
