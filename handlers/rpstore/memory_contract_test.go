package rpstore_test

import (
	"testing"

	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/handlers/rpstore/rpstoretest"
)

func TestMemoryContract(t *testing.T) {
	m := rpstore.NewMemory()
	rpstoretest.Run(t, func(_ *testing.T, tenant string) rpstore.Set { return m.Open(tenant) })
}
