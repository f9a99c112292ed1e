# SPDX-License-Identifier: BSD-2-Clause
#
# What the tests of whole machines start: Curia itself, the selftest guest and the demo's bundle.

.PHONY: test-qemu
TEST_NEEDS += build/curia.bin build/guests/selftest.bin $(MANIFEST_TOOL) $(DEMO_BUNDLE)

test-qemu: build/curia.bin $(TEST_NEEDS) ## the tests under QEMU alone
	@$(PYTEST) tests/qemu
