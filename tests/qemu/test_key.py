# SPDX-License-Identifier: BSD-2-Clause
"""The virtual power key: two Linux VMs that load nothing of Curia's, one with an APLIC, one with a PLIC, go
off in order when it is pressed, alone and in a transition of the machine."""

import sys

import pytest

import demo
from curia_qemu import BUILD, CURIA, Machine, make_bundle

VMS = ("first", "second")

VM = """
    {name} {{
        compatible = "curia,vm";
        harts = <{hart}>;
        memory = <0x0 0x80000000 0x0 0x8000000>;
        kernel = "kernel";
        initrd = "initrd";
        bootargs = "console=ttyS0 cryptomgr.notests";
        irqchip = "{irqchip}";
        power-stop-timeout-ms = <60000>;
        uart {{ compatible = "ns16550a"; address = <0x0 0x10000000>; interrupt = <10>; }};
        key {{ compatible = "curia,power-key"; address = <0x0 0x10001000>; interrupt = <9>; }};
    }};
"""


@pytest.fixture(scope="module")
def bundle():
    nodes = [VM.format(name=name, hart=hart, irqchip=irqchip)
             for hart, (name, irqchip) in enumerate(zip(VMS, ("best", "plic")))]
    return make_bundle("key", '/dts-v1/;\n/ {\n    compatible = "curia,manifest";\n    version = <1>;\n'
                       + "".join(nodes) + "};\n",
                       kernel=BUILD / "deps" / "guest" / "Image", initrd=BUILD / "test" / "key.cpio")


def test_key(bundle):
    with Machine("key", bundle=bundle, harts=2, vms=VMS) as m:
        told = demo.Told(m, sys.stdout)
        for vm in VMS:
            m.expect(f"^{vm} listens to its key$", vm=vm, seconds=demo.BOOT_SECONDS)
            assert m.find("^Curia power key$", vm=vm), m.failure("the key has no name")
            told.step(f"{vm} is ready")
        assert not m.find("curia.ko|not started", vm=CURIA)

        m.focus(CURIA)
        m.type("stop second")
        m.expect("the power key was pressed", vm="second")
        m.expect(r"second: stopped \(asked\)", vm=CURIA)
        told.step("second went off, alone")
        assert not m.find("the power key was pressed", vm="first")

        m.type("power off")
        m.expect("the power key was pressed", vm="first")
        demo.machine_off(m, told)
        of_first = [r.event for r in m.audit if r.vm == "first"]
        assert of_first == ["NO-LISTENER", "KEY-PRESSED", "STOPPED"], of_first
