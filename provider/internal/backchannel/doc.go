// Package backchannel is OpenID Connect Back-Channel Logout 1.0: clients are
// told that a session has ended, by a call from server to server.
//
//	n := backchannel.New(backchannel.Config{…})
//	n.Start()                                       // finds what a crash has left
//	queued, err := n.Queue(ctx, session, clients)   // before the session ends
//	called := n.Send(queued)                        // after it
//
// What is queued lies in the store first, so that it survives a restart.
// Replicas share the queue: who takes a delivery has it for a minute. Calls run
// a few at a time, and two at most to one host, so that a host that hangs delays
// its own clients and nobody else's; who has many host names has many shares.
// They go to the address that the client has at that moment. One that fails is made again with growing pauses, and after
// the last attempt it is given up with an event.
//
// It does not end sessions and does not know why they end: package session
// does.
package backchannel
