package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/client"
	"github.com/voile-net/voile/core/crypto"
)

// A message to somebody's private route, whose blob came by another way.
func ExampleDial() {
	ctx := context.Background()
	c, err := client.Dial(ctx, "localhost:5959", client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	var blob []byte
	route, err := c.ImportRemotePrivateRoute(ctx, blob)
	if err != nil {
		log.Fatal(err)
	}
	rc, err := c.NewRoutingContext(ctx)
	if err != nil {
		log.Fatal(err)
	}
	answer, err := rc.AppCall(ctx, client.ToRoute(route), []byte("hello"))
	if errors.Is(err, jsonapi.TryAgain) {
		log.Fatal("the node is not ready yet")
	}
	fmt.Printf("%s, %v\n", answer, err)
}

// Answers to calls, and a look at what else happens.
func ExampleClient_Subscribe() {
	ctx := context.Background()
	c := client.New(client.Options{}) // tries until a server is there
	defer c.Close()
	updates := c.Subscribe(client.SubscribeOptions{})
	defer updates.Close()
	for u := range updates.All(ctx) {
		switch u := u.(type) {
		case *client.Connected:
			fmt.Println("connected to", u.Address)
		case *client.Disconnected:
			fmt.Println("not connected:", u.Err, "- again in", u.RetryIn)
		case *client.AppCall:
			if err := c.AppCallReply(ctx, u.CallID, append([]byte("you said "), u.Message...)); err != nil {
				fmt.Println("reply:", err)
			}
		case *client.ValueChange:
			fmt.Println(u.Key, "has changed at", u.Subkeys)
		}
	}
}

// A record of the distributed store that this node writes.
func ExampleRoutingContext_CreateDHTRecord() {
	ctx := context.Background()
	c, err := client.Dial(ctx, "unix:/run/voile/ipc/0", client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	rc, err := c.NewRoutingContext(ctx)
	if err != nil {
		log.Fatal(err)
	}
	record, err := rc.CreateDHTRecord(ctx, crypto.KindVLD0, client.DFLT(4), nil)
	if err != nil {
		log.Fatal(err)
	}
	newer, err := rc.SetDHTValue(ctx, record.Key, 0, []byte("first"), nil)
	switch {
	case err != nil:
		log.Fatal(err)
	case newer != nil:
		fmt.Println("somebody wrote", newer.Seq, "before")
	}
	for v, err := range rc.GetDHTValues(ctx, record.Key, client.Range(0, 3), false) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d: %s\n", v.Subkey, v.Data)
	}
}

// The kinds of failure.
func ExampleError() {
	err := error(&client.Error{Kind: jsonapi.InvalidArgument, Context: "record not open", Argument: "record_key", Value: "VLD0:..."})
	var e *client.Error
	fmt.Println(errors.Is(err, jsonapi.InvalidArgument), errors.As(err, &e), e.Argument, client.KindOf(err))
	// Output: true true record_key InvalidArgument
}
