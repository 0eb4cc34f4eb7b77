package opsql_test

import (
	"testing"

	"github.com/oidckit/oidckit/provider/opstore"
	"github.com/oidckit/oidckit/provider/opstore/opstoretest"
)

func TestContract(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		store := d.replica(t)
		opstoretest.Run(t, func(_ *testing.T, issuer string) opstore.Set { return store.Open(issuer) })
	})
}
