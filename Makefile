# Two commands matter: `make demo` runs the main job, `make test` passes the tests. Both install what they need.
ONLY ?=
INPUTS ?=

.PHONY: docs demo test bench lint format tcb clean setup guest programs fuzz differential

demo: programs guest
	./testudo demo

test: setup
	scripts/test

differential: setup
	scripts/differential 100000

# What is measured of Rego alone needs neither the programs nor the guest.
bench: $(if $(filter rego% measure% verify%,$(ONLY)),,programs guest)
	scripts/bench $(ONLY)

fuzz: setup
	scripts/fuzz $(if $(INPUTS),--inputs $(INPUTS)) $(ONLY)

lint:
	scripts/lint

format:
	swift format -i -p -r Package.swift Guest/Package.swift Sources Guest/Sources Guest/Tests Tests

tcb: guest
	scripts/tcb

setup:
	@scripts/setup

programs: setup
	@scripts/build-programs

guest: programs
	@./testudo guest build

clean:
	rm -rf .build

docs:
	scripts/docs
