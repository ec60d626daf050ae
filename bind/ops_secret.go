package bind

import (
	"context"

	"github.com/voile-net/voile/bind/jsonapi"
)

// The operations on secrets of the application (spec 07 §2.6, §5.5).
func (a *API) addSecretOps() {
	t := a.ops
	t.op("SaveUserSecret", gives[bool](), func(p *params) run {
		name, secret := req(p, "key", text()), req(p, "value", payload())
		return func(ctx context.Context, _ *Client) (any, error) {
			defer clear(secret)
			existed, err := a.node.SaveUserSecret(ctx, name, secret)
			return existed, err
		}
	})
	t.op("LoadUserSecret", gives[jsonapi.Bytes]().orNull(), func(p *params) run {
		name := req(p, "key", text())
		return func(ctx context.Context, _ *Client) (any, error) {
			secret, found, err := a.node.LoadUserSecret(ctx, name)
			return foundData(secret, found), err
		}
	})
	t.op("RemoveUserSecret", gives[bool](), func(p *params) run {
		name := req(p, "key", text())
		return func(ctx context.Context, _ *Client) (any, error) {
			existed, err := a.node.RemoveUserSecret(ctx, name)
			return existed, err
		}
	})
	t.op("ListUserSecrets", gives[[]string](), noParams(func(ctx context.Context, _ *Client) (any, error) {
		names, err := a.node.ListUserSecrets(ctx)
		return notNil(names), err
	}))
	t.op("DeleteAllUserSecrets", gives[null](), noParams(func(ctx context.Context, _ *Client) (any, error) {
		return nil, a.node.DeleteAllUserSecrets(ctx)
	}))
}
