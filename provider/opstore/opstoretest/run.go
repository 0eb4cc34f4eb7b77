package opstoretest

import (
	"slices"
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/storetest"
	"github.com/oidckit/oidckit/provider/opstore"
)

type check = storetest.Check[opstore.Set]

// Open returns the stores of an issuer. It may be called several times for one
// issuer, and returns the same records then.
type Open = func(t *testing.T, issuer string) opstore.Set

// Run shows the whole contract.
func Run(t *testing.T, open func(t *testing.T, issuer string) opstore.Set) {
	t.Run("Set", func(t *testing.T) {
		if err := open(t, storetest.Realm()).Validate(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("Codes", func(t *testing.T) { RunCodes(t, open) })
	t.Run("Grants", func(t *testing.T) { RunGrants(t, open) })
	t.Run("Sessions", func(t *testing.T) { RunSessions(t, open) })
	t.Run("Interactions", func(t *testing.T) { RunInteractions(t, open) })
	t.Run("Consents", func(t *testing.T) { RunConsents(t, open) })
	t.Run("Keys", func(t *testing.T) { RunKeys(t, open) })
	t.Run("Users", func(t *testing.T) { RunUsers(t, open) })
	t.Run("Revocations", func(t *testing.T) { RunRevocations(t, open) })
	t.Run("Replay", func(t *testing.T) { RunReplay(t, open) })
	t.Run("Registrations", func(t *testing.T) { RunRegistrations(t, open) })
	t.Run("AccessTokens", func(t *testing.T) { RunAccessTokens(t, open) })
	t.Run("Deliveries", func(t *testing.T) { RunDeliveries(t, open) })
	t.Run("Issuers", func(t *testing.T) { RunIssuers(t, open) })
}

// RunCodes shows the contract of Codes.
func RunCodes(t *testing.T, open Open) { storetest.Run(t, codeChecks(), open) }

// RunGrants shows the contract of Grants.
func RunGrants(t *testing.T, open Open) { storetest.Run(t, allGrantChecks(), open) }

// RunSessions shows the contract of Sessions, also that issuers share none. The
// other stores of the Set may be nil.
func RunSessions(t *testing.T, open Open) {
	storetest.Run(t, sessionChecks(), open)
	t.Run("issuers share no session", func(t *testing.T) {
		realm := storetest.Realm()
		if err := issuersSessions(t.Context(), pair{open(t, realm), open(t, realm+"/a")}); err != nil {
			t.Error(err)
		}
	})
}

// RunInteractions shows the contract of Interactions.
func RunInteractions(t *testing.T, open Open) { storetest.Run(t, interactionChecks(), open) }

// RunConsents shows the contract of Consents.
func RunConsents(t *testing.T, open Open) { storetest.Run(t, consentChecks(), open) }

// RunKeys shows the contract of Keys.
func RunKeys(t *testing.T, open Open) { storetest.Run(t, keyChecks(), open) }

// RunUsers shows the contract of Users.
func RunUsers(t *testing.T, open Open) { storetest.Run(t, userChecks(), open) }

// RunRevocations shows the contract of Revocations.
func RunRevocations(t *testing.T, open Open) { storetest.Run(t, revocationChecks(), open) }

// RunDeliveries shows the contract of Deliveries.
func RunDeliveries(t *testing.T, open Open) { storetest.Run(t, deliveryChecks(), open) }

// RunRegistrations shows the contract of Registrations.
func RunRegistrations(t *testing.T, open Open) { storetest.Run(t, registrationChecks(), open) }

// RunReplay shows the contract of oidckit.ReplayStore.
func RunReplay(t *testing.T, open Open) {
	storetest.Run(t, storetest.ReplayChecks(), func(t *testing.T, realm string) oidckit.ReplayStore {
		return open(t, realm).Replay
	})
}

// RunAccessTokens shows the contract of AccessTokens.
func RunAccessTokens(t *testing.T, open Open) { storetest.Run(t, accessTokenChecks(), open) }

// RunIssuers shows that issuers who share a database share nothing else.
func RunIssuers(t *testing.T, open Open) {
	storetest.Run(t, issuerChecks(), func(t *testing.T, realm string) pair {
		// Two names that a missing separator would mix up.
		return pair{open(t, realm), open(t, realm+"/a")}
	})
}

// allGrantChecks are the sentences and the races of Grants.
func allGrantChecks() []check { return slices.Concat(grantChecks(), grantRaceChecks()) }
