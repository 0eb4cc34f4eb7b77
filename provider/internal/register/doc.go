// Package register is the endpoint at which clients register themselves (RFC
// 7591, OpenID Connect Dynamic Client Registration 1.0) and the one at which
// each reads, changes and deletes its own registration (RFC 7592). Both are at
// one path: a client's own address has its client_id in the query.
//
//	h := &register.Handler{Registrar: registrar, URL: iss + "/register", …}
//	err := h.Serve(w, r)
//
// The issuer makes client_id and client_secret, never the client. It keeps the
// secret as a hash (sealed too where the client signs with it), so it is told
// once: neither a read nor an update repeats it. A registration access token
// stays the same for the client's life; it is repeated to who presents it.
//
// Software statements are refused: nobody's are trusted.
package register
