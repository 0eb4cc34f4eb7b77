# make test   everything with the race detector, against real services
# make lint   format, vet, staticcheck, tidy, the house rules
# make bench  the benchmarks with their limit rows
# make soak   200 000 flows of the issuer in memory, and what stays of them
# make fuzz   every fuzz target for FUZZTIME each
.PHONY: test lint bench soak fuzz

BENCH ?= .
BENCHTIME ?= 1s
FUZZTIME ?= 10s

test:
	@.ci/test

lint:
	@.ci/lint

bench:
	@go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem ./...

# A process for each row: the kernel tells the peak of a whole process.
soak:
	@go test -tags soak -count=1 -v -run '^TestSoak$$/^session$$' ./provider
	@go test -tags soak -count=1 -v -run '^TestSoak$$/^login$$' ./provider

fuzz:
	@.ci/fuzz $(FUZZTIME)
