package rpstoretest

import (
	"testing"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/internal/storetest"
)

type check = storetest.Check[rpstore.Set]

// Open returns the stores of a tenant. It may be called several times for one
// tenant, and returns the same records then.
type Open = func(t *testing.T, tenant string) rpstore.Set

// Run shows the whole contract.
func Run(t *testing.T, open func(t *testing.T, tenant string) rpstore.Set) {
	t.Run("Set", func(t *testing.T) {
		if err := open(t, storetest.Realm()).Validate(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("Sessions", func(t *testing.T) { RunSessions(t, open) })
	t.Run("BrowserSessions", func(t *testing.T) { RunBrowserSessions(t, open) })
	t.Run("Replay", func(t *testing.T) { RunReplay(t, open) })
	t.Run("AccountLinks", func(t *testing.T) { RunAccountLinks(t, open) })
	t.Run("IdentityProviders", func(t *testing.T) { RunIdentityProviders(t, open) })
	t.Run("Tenants", func(t *testing.T) { RunTenants(t, open) })
}

// RunSessions shows the contract of Sessions.
func RunSessions(t *testing.T, open Open) { storetest.Run(t, sessionChecks(), open) }

// RunBrowserSessions shows the contract of BrowserSessions.
func RunBrowserSessions(t *testing.T, open Open) { storetest.Run(t, browserSessionChecks(), open) }

// RunAccountLinks shows the contract of AccountLinks.
func RunAccountLinks(t *testing.T, open Open) { storetest.Run(t, accountLinkChecks(), open) }

// RunIdentityProviders shows the contract of IdentityProviders.
func RunIdentityProviders(t *testing.T, open Open) { storetest.Run(t, identityProviderChecks(), open) }

// RunReplay shows the contract of oidckit.ReplayStore.
func RunReplay(t *testing.T, open Open) {
	storetest.Run(t, storetest.ReplayChecks(), func(t *testing.T, realm string) oidckit.ReplayStore {
		return open(t, realm).Replay
	})
}

// RunTenants shows that apps which share a database share nothing else.
func RunTenants(t *testing.T, open Open) {
	storetest.Run(t, tenantChecks(), func(t *testing.T, realm string) pair {
		// Two names that a missing separator would mix up.
		return pair{open(t, realm), open(t, realm+"/a")}
	})
}
