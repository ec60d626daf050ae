package bind

import "context"

// The operations on secrets of the application (spec 07 §2.6, §5.5).
func (a *API) addSecretOps() {
	t := a.ops
	t.op("SaveUserSecret", func(p *params) run {
		name, secret := req(p, "key", text), req(p, "value", payload)
		return func(ctx context.Context, _ *Client) (any, error) {
			defer clear(secret)
			existed, err := a.node.SaveUserSecret(ctx, name, secret)
			return existed, err
		}
	})
	t.op("LoadUserSecret", func(p *params) run {
		name := req(p, "key", text)
		return func(ctx context.Context, _ *Client) (any, error) {
			secret, found, err := a.node.LoadUserSecret(ctx, name)
			return foundData(secret, found), err
		}
	})
	t.op("RemoveUserSecret", func(p *params) run {
		name := req(p, "key", text)
		return func(ctx context.Context, _ *Client) (any, error) {
			existed, err := a.node.RemoveUserSecret(ctx, name)
			return existed, err
		}
	})
	t.op("ListUserSecrets", noParams(func(ctx context.Context, _ *Client) (any, error) {
		names, err := a.node.ListUserSecrets(ctx)
		return notNil(names), err
	}))
	t.op("DeleteAllUserSecrets", noParams(func(ctx context.Context, _ *Client) (any, error) {
		return nil, a.node.DeleteAllUserSecrets(ctx)
	}))
}
