package opstore_test

import (
	"testing"

	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/oidckit/oidckit/provider/opstore/opstoretest"
)

func TestMemoryContract(t *testing.T) {
	m := opstore.NewMemory()
	opstoretest.Run(t, func(_ *testing.T, issuer string) opstore.Set { return m.Open(issuer) })
}
