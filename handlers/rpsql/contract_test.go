package rpsql_test

import (
	"testing"

	"github.com/oidckit/oidckit/handlers/rpstore"
	"github.com/oidckit/oidckit/handlers/rpstore/rpstoretest"
)

func TestContract(t *testing.T) {
	databases(t, func(t *testing.T, d database) {
		store := d.replica(t)
		rpstoretest.Run(t, func(_ *testing.T, tenant string) rpstore.Set { return store.Open(tenant) })
	})
}
