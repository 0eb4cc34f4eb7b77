package endsession

import "net/http"

// back returns the home page of the client that the person comes from, and its
// name: a way on where the request names none. The session has ended already,
// so that a client which cannot be read has none.
func (h *Handler) back(r *http.Request, req *logout) (home, label string) {
	client := req.client
	if client == nil && req.ClientID != "" {
		if found, err := h.Clients.Client(r.Context(), req.ClientID); err == nil {
			client = found
		}
	}
	if client == nil || client.Metadata.ClientURI == "" || client.Metadata.ClientName == "" {
		return "", ""
	}
	return client.Metadata.ClientURI, h.Site.Language(r, req.UILocales).Fill("signed_out.back", "app", client.Metadata.ClientName)
}
