package frontchannel

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/provider/opstore"
)

// maxFrames bounds what one page loads.
const maxFrames = 50

// Handler knows the frames. Its fields are set once; it is safe for concurrent
// use.
type Handler struct {
	Issuer  string
	Clients opstore.Clients
}

// Frames returns the addresses for a session that has ended: of each client
// that got tokens of it and has registered one.
func (h *Handler) Frames(ctx context.Context, s *opstore.Session) ([]string, error) {
	var frames []string
	for _, id := range s.Clients {
		c, err := h.Clients.Client(ctx, id)
		if errors.Is(err, oidckit.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if c.Metadata.FrontchannelLogoutURI != "" && len(frames) < maxFrames {
			frames = append(frames, h.address(c.Metadata.FrontchannelLogoutURI, s.ID))
		}
	}
	return frames, nil
}

// address adds iss and sid, which every app gets, required or not
// (Front-Channel Logout 1.0 §2).
func (h *Handler) address(registered, sid string) string {
	separator := "?"
	if strings.Contains(registered, "?") {
		separator = "&"
	}
	return registered + separator + url.Values{"iss": {h.Issuer}, "sid": {sid}}.Encode()
}
