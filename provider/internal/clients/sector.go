package clients

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/strictjson"
)

// maxSector bounds the document at a sector_identifier_uri, in bytes.
const maxSector = 64 << 10

// CheckSector fetches the client's sector_identifier_uri, where it has one, and
// says what is wrong: it must list every redirect URI (OpenID Connect Core 1.0
// §8.1, OpenID Connect Dynamic Client Registration 1.0 §5). The cause of a
// fetch that failed is for the log.
func CheckSector(ctx context.Context, c *http.Client, m *oidckit.ClientMetadata) (*Problem, error) {
	if m.SectorIdentifierURI == "" {
		return nil, nil
	}
	const field = "sector_identifier_uri"
	listed, err := fetchSector(ctx, c, m.SectorIdentifierURI)
	if err != nil {
		return &Problem{Field: field, Text: "does not answer with a JSON array of redirect URIs"}, err
	}
	for _, u := range m.RedirectURIs {
		if !slices.Contains(listed, u) {
			return &Problem{Field: field, Text: "does not list every one of the redirect_uris"}, nil
		}
	}
	return nil, nil
}

func fetchSector(ctx context.Context, c *http.Client, uri string) ([]string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, errors.New("clients: sector_identifier_uri does not parse")
	}
	req.Header.Set("Accept", "application/json")
	res, err := httpx.Do(c, req, maxSector)
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusOK {
		return nil, fmt.Errorf("clients: sector_identifier_uri answered with status %d", res.Status)
	}
	var listed []string
	if err := strictjson.Unmarshal(res.Body, &listed); err != nil || listed == nil {
		return nil, errors.New("clients: sector_identifier_uri is no array of strings")
	}
	return listed, nil
}
