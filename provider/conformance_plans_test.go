package provider_test

import (
	"slices"
	"testing"
)

// What the plans for one response type have in common, in the order of the
// suite (conformance suite 5.2.4).
var (
	commonModules = []string{
		"server", "idtoken-signature", "scope-profile", "scope-email", "scope-address", "scope-phone", "scope-all",
		"display-page", "display-popup", "prompt-login", "prompt-none-not-logged-in", "prompt-none-logged-in", "max-age-1", "max-age-10000",
		"ensure-request-with-unknown-parameter-succeeds", "id-token-hint", "login-hint", "ui-locales", "claims-locales",
		"ensure-request-with-acr-values-succeeds", "ensure-registered-redirect-uri",
		"request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
		"unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
		"ensure-request-object-with-redirect-uri", "claims-essential",
	}
	userinfoModules = []string{"userinfo-get", "userinfo-post-header", "userinfo-post-body"}
	codeModules     = []string{"codereuse", "codereuse-30seconds", "server-client-secret-post", "refresh-token"}
	basicModules    = slices.Concat(commonModules, userinfoModules, codeModules, []string{
		"response-type-missing", "idtoken-unsigned", "ensure-request-without-nonce-succeeds-for-code-flow", "alternate-happy-flow",
		"ensure-post-request-succeeds", "ensure-request-with-valid-pkce-succeeds",
	})
	implicitModules = slices.Concat(commonModules, []string{"ensure-request-without-nonce-fails"})
	hybridModules   = slices.Concat(commonModules, userinfoModules, codeModules)
)

func basicPlan(t *testing.T, mode string) {
	newSuite(t).plan(t, "code", mode, basicModules...)
}

func implicitPlan(t *testing.T, mode string) {
	s := newSuite(t)
	t.Run("id_token", func(t *testing.T) {
		s.plan(t, "id_token", mode, slices.Concat(implicitModules, []string{"alternate-happy-flow"})...)
	})
	t.Run("id_token token", func(t *testing.T) {
		s.plan(t, "id_token token", mode, slices.Concat(implicitModules, userinfoModules, []string{"alternate-happy-flow", "response-type-missing"})...)
	})
}

func hybridPlan(t *testing.T, mode string) {
	s := newSuite(t)
	t.Run("code id_token", func(t *testing.T) {
		s.plan(t, "code id_token", mode, slices.Concat(hybridModules, []string{
			"ensure-request-without-nonce-fails", "alternate-happy-flow", "response-type-missing", "ensure-request-with-valid-pkce-succeeds",
		})...)
	})
	t.Run("code token", func(t *testing.T) {
		s.plan(t, "code token", mode, slices.Concat(hybridModules, []string{"ensure-request-without-nonce-succeeds-for-code-flow"})...)
	})
	t.Run("code id_token token", func(t *testing.T) {
		s.plan(t, "code id_token token", mode, slices.Concat(hybridModules, []string{"ensure-request-without-nonce-fails"})...)
	})
}

// oidcc-basic-certification-test-plan.
func TestConformanceBasicPlan(t *testing.T) { basicPlan(t, "") }

// oidcc-config-certification-test-plan.
func TestConformanceConfigPlan(t *testing.T) {
	newSuite(t).plan(t, "code", "", "discovery-endpoint-verification")
}

// oidcc-implicit-certification-test-plan.
func TestConformanceImplicitPlan(t *testing.T) { implicitPlan(t, "") }

// oidcc-hybrid-certification-test-plan.
func TestConformanceHybridPlan(t *testing.T) { hybridPlan(t, "") }

// oidcc-formpost-basic-, -implicit- and -hybrid-certification-test-plan.
func TestConformanceFormPostPlans(t *testing.T) {
	t.Run("basic", func(t *testing.T) { basicPlan(t, "form_post") })
	t.Run("implicit", func(t *testing.T) { implicitPlan(t, "form_post") })
	t.Run("hybrid", func(t *testing.T) { hybridPlan(t, "form_post") })
}
