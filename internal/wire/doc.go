// Package wire is the one place where requests are read with the rules that
// all endpoints share and where errors become answers.
//
// An endpoint is a HandlerFunc: it writes its success itself and returns an
// error for everything else. Endpoint and Page turn it into an http.Handler:
//
//	mux.Handle("/token", wire.Endpoint(h.serve, wire.Options{Logger: log, Methods: []string{"POST"}}))
//
// A *oidckit.Error is answered with its code and description. Any other error
// means that something of ours could not answer: server_error with status 503,
// never a refusal, and never the error's text. The cause is logged, once.
package wire
