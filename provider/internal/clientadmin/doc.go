// Package clientadmin is the REST API by which operators manage the clients
// that are registered while the issuer runs: list, get, create, replace,
// delete.
//
//	h := &clientadmin.Handler{Registrar: registrar, Path: "/admin/clients", Derive: key}
//	http.Handler: wire.Endpoint(h.Serve, …), behind a guard of the app's
//
// A client that the config has is neither listed nor changed here. Who may call
// is the guard's business; this package checks nobody.
//
// A creation with an Idempotency-Key can be repeated: client_id and secret are
// derived from it, so that the answer that was lost comes again.
package clientadmin
