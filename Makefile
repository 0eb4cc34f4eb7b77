# make test   everything with the race detector, against real services
# make lint   format, vet, staticcheck, tidy, the house rules
# make bench  the benchmarks with their limit rows
# make fuzz   every fuzz target for FUZZTIME each
.PHONY: test lint bench fuzz

BENCH ?= .
BENCHTIME ?= 1s
FUZZTIME ?= 10s

test:
	@.ci/test

lint:
	@.ci/lint

bench:
	@go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem ./...

fuzz:
	@.ci/fuzz $(FUZZTIME)
