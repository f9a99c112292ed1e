# SPDX-License-Identifier: BSD-2-Clause
"""Suspends of small machines: the ranks in both directions, by whom a machine is woken, wakes that come too
early, VMs that do not sleep, and the firmware's sleep; registers of who sleeps or is paused, spoilt. The demo's Linux
sleeps in its story `sleep`."""

import re
import socket
import subprocess

import pytest

from curia_qemu import PATIENCE, Machine
from small import READY_SECONDS, bundle, delegated, fdt_put, harts_pc, host_fdt, manifest, power_off, vm
from test_restart import row_of

VMS = ("top", "mid", "low")
RESTING = "rest-ms=50"
WAKE_MS, WATCHED_MS = int(2000 * PATIENCE), int(1500 * PATIENCE) # a sleep is longer than a watchdog bears


def chain(top="", mid="", low="", more=""):
    """Three ranks, one above the other, on harts 0 to 3; more arguments of each."""
    return manifest(vm("top", [0, 1], args=f"{RESTING} {top}", more=more),
                    vm("mid", [2], args=f"{RESTING} {mid}", more="power-superiors = <&top>;"),
                    vm("low", [3], args=f"{RESTING} {low}", more="power-superiors = <&mid>;"))


def boot(m):
    for name in VMS:
        m.expect("^neighbour ok 1 ", vm=name, seconds=READY_SECONDS)


def ask(m):
    m.focus("curia")
    m.type("power suspend")


def of(m, txn, *events):
    return [(r.event, r.vm) for r in m.audit if r.txn == txn and r.event in events and r.vm in VMS]


def all_go_on(m, by):
    """Each has been told who woke, has run since, and was never started again."""
    for name in VMS:
        m.expect(rf"^neighbour: resumed \({by}\)$", vm=name, seconds=READY_SECONDS)
        m.expect("^neighbour ok", vm=name, seconds=READY_SECONDS)
        assert row_of(m, name) == ("running", "1", "-")
        assert not m.find("BAD", vm=name)


def resumed_in_order(m, txn):
    """RESUME goes to a VM when its superior has answered, and to all."""
    steps = [(r.event, r.vm) for r in m.audit if r.txn == txn and r.vm in VMS and
             (r.event == "RESUME" or (r.event, r.old) == ("ACK", "RESUMING"))]
    assert steps == [(event, name) for name in VMS for event in ("RESUME", "ACK")], steps


def sleeps_and_wakes(m, txn, waker, by):
    """One suspend of the console, in order; the machine's own word of who woke it. Returns how long after the waker
    was told to sleep."""
    ask(m)
    m.expect_audit("all", "RESUMED", txn, READY_SECONDS)
    assert of(m, txn, "PREPARE-SENT", "STOP-SENT", "SUSPENDED") == \
        [("PREPARE-SENT", name) for name in VMS] + \
        [(event, name) for name in reversed(VMS) for event in ("STOP-SENT", "SUSPENDED")]
    assert [r.vm for r in m.audit if r.txn == txn and r.event == "WAKE"] == [waker]
    resumed_in_order(m, txn)
    all_go_on(m, by)
    at = {(r.event, r.vm): r.at for r in m.audit if r.txn == txn}
    return at["WAKE", waker] - at["STOP-SENT", waker]


@pytest.mark.parametrize("irqchip", ("aia", "plic", "aplic"))
def test_order(irqchip):
    """A VM's timer wakes all, not before its time. A watchdog, of the manifest too, stands still meanwhile."""
    name = f"suspend-{irqchip}"
    text = chain(mid=f"wake-ms={WAKE_MS}", top=f"beat-ms={WATCHED_MS}", more=f"watchdog-ms = <{WATCHED_MS}>;")
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=4, memory="256M", vms=VMS) as m:
        boot(m)
        for txn in (1, 2) if irqchip == "aia" else (1,):
            assert sleeps_and_wakes(m, txn, "mid", "0x1") >= WAKE_MS / 1000
        power_off(m, VMS, txn_of=None)


@pytest.mark.parametrize("irqchip,cpu", (("aia", None), ("plic", "rv64,sstc=false")))
def test_one_hart(irqchip, cpu):
    """All on one hart: the timer of one that is not on it when the machine sleeps wakes all."""
    name = f"suspend-shared-{irqchip}"
    text = re.sub("harts = <[^>]*>", lambda m: re.sub(r"\d", "0", m[0]), chain(mid=f"wake-ms={WAKE_MS}"))
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=1, memory="256M", cpu=cpu, vms=VMS) as m:
        boot(m)
        assert sleeps_and_wakes(m, 1, "mid", "0x1") >= WAKE_MS / 1000
        power_off(m, VMS, txn_of=None)


@pytest.mark.parametrize("irqchip", ("aia", "plic"))
def test_key(irqchip):
    """A key at the terminal wakes, and goes where keys go; nobody runs before."""
    name = f"suspend-key-{irqchip}"
    with Machine(name, bundle=bundle(name, chain()), irqchip=irqchip, harts=4, memory="256M", vms=VMS) as m:
        boot(m)
        ask(m)
        m.expect_audit("all", "SLEEP", 1, READY_SECONDS)
        m.idle(0.3)
        mark, pc = m.mark(), harts_pc(m)
        m.idle(1.0)
        assert harts_pc(m) == pc and all(p > 1 << 63 for p in pc.values()), "a hart is not asleep in Curia"
        assert not [line for line in m.lines[mark:] if line.vm in VMS], "a VM has run"
        m.send("vms\r")
        m.expect(r"^ 0 top ", vm="curia", since=mark)
        m.expect_audit("all", "RESUMED", 1, READY_SECONDS)
        assert [r.vm for r in m.audit if r.event == "WAKE"] == ["console"]
        resumed_in_order(m, 1)
        all_go_on(m, "0xfd")
        power_off(m, VMS, txn_of=None)


def test_veto():
    """Who cannot sleep calls it off: who slept already wakes, the superior is not asked, all go on."""
    with Machine("suspend-veto", bundle=bundle("suspend-veto", chain(mid="sleep=veto")), harts=4, memory="256M",
                 vms=VMS) as m:
        boot(m)
        ask(m)
        m.until(lambda: m.audit[-1].new == "RUN" and m.audit[-1].txn == 1, "RUN", READY_SECONDS)
        assert ("SUSPENDED", "low") in of(m, 1, "SUSPENDED") and ("VETO", "mid") in of(m, 1, "VETO")
        assert not [r for r in m.audit if r.event in ("SLEEP", "COMMIT") or (r.event, r.vm) == ("STOP-SENT", "top")]
        for name in ("mid", "low"):
            m.expect(r"^neighbour: resumed \(0x101\)$", vm=name, seconds=READY_SECONDS)
        mark = m.mark()
        for name in VMS:
            m.expect("^neighbour ok", vm=name, since=mark, seconds=READY_SECONDS)
        power_off(m, VMS, txn_of=None)


def test_deaf():
    """Who does not sleep in its time is frozen, with all that it has, and thawed with the others."""
    name = "suspend-deaf"
    text = chain(mid="sleep=deaf", top=f"wake-ms={WAKE_MS // 2}")
    text = text.replace("stop-timeout-ms = <20000>", f"stop-timeout-ms = <{WAKE_MS}>")
    with Machine(name, bundle=bundle(name, text), harts=4, memory="256M", vms=VMS) as m:
        boot(m)
        ask(m)
        m.expect_audit("all", "RESUMED", 1, READY_SECONDS)
        assert of(m, 1, "FORCED", "FREEZE-LATE", "SUSPENDED") == \
            [("SUSPENDED", "low"), ("FORCED", "mid"), ("SUSPENDED", "top")]
        resumed_in_order(m, 1)
        all_go_on(m, "0x0")
        power_off(m, VMS, txn_of=None)


# ---- the firmware's sleep -----------------------------------------------------------------------


def suspend_fdt(name, irqchip, cpu=None):
    """OpenSBI's test of SUSP is there where its configuration in the FDT says so: five seconds, then a WFI. A
    configuration that names no harts lets none boot."""
    dtb = host_fdt(name, irqchip, 4, "256M", cpu)
    harts = [subprocess.run(["fdtget", "-tx", dtb, f"/cpus/cpu@{n}", "phandle"], check=True, timeout=60,
                            capture_output=True, text=True).stdout.strip() for n in range(4)]
    subprocess.run(["fdtput", "-c", dtb, "/chosen/opensbi-config"], check=True, timeout=60)
    fdt_put(dtb, "/chosen/opensbi-config", "-ts", "compatible", "opensbi,config")
    fdt_put(dtb, "/chosen/opensbi-config", "-tx", "cold-boot-harts", *harts)
    subprocess.run(["fdtput", dtb, "/chosen/opensbi-config", "system-suspend-test"], check=True, timeout=60)
    return dtb


def asleep_in_firmware(m, txn):
    m.expect_audit("all", "SLEEP", txn, READY_SECONDS)
    m.until(lambda: m.idle(0.1) or all(p < 0x8020_0000 for p in harts_pc(m).values()),
            "sleep of all harts in the firmware", 4)


def woken(m, txn, waker, by):
    m.expect_audit("all", "RESUMED", txn, READY_SECONDS)
    at = {r.event: r.at for r in m.audit if r.txn == txn}
    assert at["WAKE"] - at["SLEEP"] >= 4.9, "not the firmware's sleep"
    assert [r.vm for r in m.audit if r.txn == txn and r.event == "WAKE"] == [waker]
    resumed_in_order(m, txn)
    all_go_on(m, by)


class Debugger:
    """QEMU's gdb stub, as far as registers go. While it is connected the machine stands still."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(str(path))
        self.ask("qSupported:xmlRegisters=riscv")
        text = self._read("target.xml")
        text += "".join(self._read(part) for part in re.findall(r'href="([^"]+)"', text))
        self.registers, number = {}, -1
        for name, bits, given in re.findall(r'<reg name="([^"]+)" bitsize="(\d+)"(?:[^>]*?regnum="(\d+)")?', text):
            number = int(given) if given else number + 1
            self.registers[name] = number, int(bits) // 8

    def ask(self, command):
        self._socket.sendall(f"${command}#{sum(command.encode()) % 256:02x}".encode())
        data = b""
        while not re.search(rb"\$[^#]*#..", data):
            data += self._socket.recv(65536)
        self._socket.sendall(b"+")
        return re.search(rb"\$([^#]*)#..", data)[1].decode("latin-1")

    def _read(self, name):
        text, more = "", "m"
        while more == "m":
            answer = self.ask(f"qXfer:features:read:{name}:{len(text):x},400")
            more, text = answer[0], text + answer[1:]
        return text

    def write(self, name, value):
        """Into a register of the hart that was chosen, as often as there is room; False: it has none of that name."""
        number, size = self.registers.get(name, (0, 0))
        return size > 0 and self.ask(f"P{number:x}={(value.to_bytes(8, 'little') * (size // 8))[:size].hex()}") == "OK"

    def spoil(self, hart, names, value):
        """Writes value into the hart's registers, those of these names that the stub reaches."""
        self.ask(f"Hg{hart + 1:x}")
        return [name for name in names if self.write(name, value)]

    def close(self):
        self.ask("D")
        self._socket.close()


# What SBI says is undefined when a hart is started or the machine wakes, but for what OpenSBI runs on. (The
# interrupt files' registers are not reached so, nor by anything else outside the hart.)
KEPT_BY_CURIA = ("stvec", "sscratch", "scounteren", "senvcfg", "hedeleg", "hideleg", "hvip", "hcounteren",
                 "htimedelta", "henvcfg", "hgatp", "hstateen0", "vsstatus", "vsie", "vstvec", "vsscratch", "vsepc",
                 "vscause", "vstval", "vsatp", "vstimecmp")
FP = tuple(f"f{kind}{n}" for kind, count in (("t", 12), ("s", 12), ("a", 8)) for n in range(count)) + ("fcsr",)
VECTORS = tuple(f"v{n}" for n in range(32)) + ("vcsr", "vstart") # vl and vtype are read only to the stub
V = {"aia": "rv64,v=true,vlen=256,sscofpmf=true", "plic": "rv64"}


@pytest.mark.parametrize("irqchip", ("aia", "plic"))
def test_firmware(irqchip, tmp_path):
    """The firmware's sleep: all harts in it, and none of their registers kept. What the harts held comes back
    from memory, what the firmware had granted by asking again; the interrupt controllers deliver; a timer that
    ran out in the sleep is known as the cause."""
    name = f"suspend-firmware-{irqchip}"
    vectors = VECTORS if "v=true" in V[irqchip] else ()
    extra = ["-dtb", str(suspend_fdt(name, irqchip, V[irqchip])), "-gdb", f"unix:{tmp_path / 'gdb'},server=on,wait=off"]
    with Machine(name, bundle=bundle(name, chain(mid="wake-ms=4000 delegate=1")), irqchip=irqchip, harts=4,
                 memory="256M", cpu=V[irqchip], extra=extra, vms=VMS) as m:
        boot(m)
        assert delegated(m) == [False, False, True, False]
        m.focus("curia")
        m.type("power suspend")
        asleep_in_firmware(m, 1)
        debugger = Debugger(tmp_path / "gdb")
        for hart in range(4):
            spoilt = debugger.spoil(hart, KEPT_BY_CURIA + FP + vectors, 0x5a5a_5a5a_5a5a_5a54)
            assert len(spoilt) > 40 + len(vectors), f"the debugger reaches {spoilt} only"
        debugger.close()
        woken(m, 1, "mid", "0x1")
        assert delegated(m) == [False, False, True, False]
        power_off(m, VMS, txn_of=None)


@pytest.mark.parametrize("irqchip", ("aia", "plic", "aplic"))
def test_firmware_sources(irqchip):
    """The hart that sleeps takes neither the terminal's interrupt nor that of the device which rings, an RTC passed
    through to another VM: both wake the machine, and go then where they always go, once."""
    name = f"suspend-sources-{irqchip}"
    rtc = 'rtc { compatible = "curia,passthrough"; host-path = "/soc/rtc@101000"; dma = "none"; };'
    text = manifest(vm("top", [2, 3], args=RESTING),
                    vm("mid", [1], args=f"{RESTING} alarm-ms={int(5500 * PATIENCE)}",
                       more=f"power-superiors = <&top>; {rtc}"),
                    vm("low", [0], args=RESTING, more="power-superiors = <&mid>;"))
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=4, memory="256M",
                 extra=["-dtb", str(suspend_fdt(name, irqchip))], vms=VMS) as m:
        boot(m)
        ask(m)
        woken(m, 1, "mid", "0x1")
        assert m.find("^neighbour: 1 alarms$", vm="mid")
        if irqchip != "aplic": # where the terminal's source goes the same way as the RTC's
            mark = m.mark()
            ask(m)
            asleep_in_firmware(m, 2)
            m.send("vms\r")
            woken(m, 2, "console", "0xfd")
            m.expect(r"^ 0 top ", vm="curia", since=mark)
            m.expect("^neighbour: 1 alarms$", vm="mid", since=mark)
        power_off(m, VMS, txn_of=None)


@pytest.mark.parametrize("irqchip", ("aia", "plic"))
def test_pause_registers(irqchip, tmp_path):
    """FP and vector registers of a paused VM are in memory, whatever becomes of the hart's: written since the last
    time or not, or fcsr alone."""
    name = f"pause-registers-{irqchip}"
    text = manifest(vm("same", [0]), vm("varies", [1], args="vary=1"))
    registers = FP + (VECTORS if "v=true" in V[irqchip] else ())
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=2, cpu=V[irqchip], memory="256M",
                 extra=["-gdb", f"unix:{tmp_path / 'gdb'},server=on,wait=off"], vms=("same", "varies")) as m:
        for vm_name in ("same", "varies"):
            m.expect("^neighbour ok", vm=vm_name, seconds=READY_SECONDS)
        for _ in range(2):
            for vm_name in ("same", "varies"):
                assert m.curia(f"pause {vm_name}") == [f"pause {vm_name}: under way"]
            m.until(lambda: m.idle(0.1) or all(pc > 1 << 63 for pc in harts_pc(m).values()), "harts in Curia", 10)
            debugger = Debugger(tmp_path / "gdb")
            for hart in range(2):
                assert debugger.spoil(hart, registers, 0x5a5a_5a5a_5a5a_5a54) == list(registers)
            debugger.close()
            for vm_name in ("same", "varies"):
                assert m.curia(f"resume {vm_name}") == [f"resume {vm_name}: under way"]
            mark = m.mark()
            for vm_name in ("same", "varies"):
                assert m.expect(r"^neighbour (ok|BAD) \d", vm=vm_name, since=mark).match[1] == "ok"
        power_off(m, ("same", "varies"))
