package bind

import "github.com/voile-net/voile/core"

func (a *API) addRecordOps() {}
func (a *API) addStoreOps()  {}
func (a *API) addCryptoOps() {}
func (a *API) contextMethods() methods[core.Context] {
	return addFamily(a.ops, "RoutingContext", "rc_id", "rc_op", (*Client).contextTable)
}
