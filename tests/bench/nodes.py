# SPDX-License-Identifier: BSD-2-Clause
"""Manifests of guests/bench that are made as text; the others are platforms/qemu-virt/bench*.dts."""

RTC = 'rtc { compatible = "curia,passthrough"; host-path = "/soc/rtc@101000"; dma = "none"; };'


def bench_vm(name, harts, mode, above=None, more="", kernel="bench"):
    """A VM's node; harts as the manifest has them. above: the VM that ends the run; None: this one does."""
    below = (f"power-superiors = <&{above}>; power-prepare-timeout-ms = <1>; power-stop-timeout-ms = <2>;" if above
             else 'srst = "platform";')
    return f"""
    {name}: {name} {{
        compatible = "curia,vm";
        harts = <{harts}>;
        memory = <0x0 0x80000000 0x0 0x00400000>;
        kernel = "{kernel}";
        bootargs = "mode={mode}";
        {below}
        {more}
    }};
"""


def shared(name, address, size, *vms):
    """A region's node: all of them write."""
    writers = " ".join(f"&{vm}" for vm in vms)
    return f"{name} {{ address = <0x0 {address:#x}>; size = <0x0 {size:#x}>; writers = <{writers}>; }};"
