# Two commands matter: `make demo` runs the main job, `make test` passes the tests. Both install what they need.
ONLY ?=
INPUTS ?=

.PHONY: chaos docs demo test bench lint format tcb clean setup guest core programs fuzz differential

demo: core guest
	./testudo demo

test: setup
	scripts/test

differential: setup
	scripts/differential 100000

# What is measured of Rego and evidence needs neither the programs nor the guest.
bench: $(if $(filter rego% measure% verify% broker%,$(ONLY)),,core guest)
	scripts/bench $(ONLY)

fuzz: setup
	scripts/fuzz $(if $(INPUTS),--inputs $(INPUTS)) $(ONLY)

# Kills and stops processes of store and brokers while clients go on, and changes all keys; takes about an hour.
chaos: setup
	scripts/chaos all

lint:
	scripts/lint

format:
	swift format -i -p -r Package.swift Guest/Package.swift Sources Guest/Sources Guest/Tests Tests

tcb: guest
	scripts/tcb

setup:
	@scripts/setup

core: setup
	@scripts/build-programs

# All that can be installed: those of `core`, and the attestation service for anybody.
programs: setup
	@scripts/build-programs testudo-attestation

guest: core
	@./testudo guest build

clean:
	rm -rf .build

docs:
	scripts/docs
