# SPDX-License-Identifier: BSD-2-Clause
"""The demo's stories, as `make demo` plays them, on both interrupt controllers; and what the demo
does not show of power: resets with the audit kept, postpone and cancel, veto, emergency, one VM
alone."""

import re
import sys

import pytest

import demo
from curia_qemu import BUILD, TOP, Machine, make_bundle, parse_audit

CHIPS = ("aia", "plic")


@pytest.mark.parametrize("irqchip", CHIPS)
@pytest.mark.parametrize("variant", demo.STORIES)
def test_story(variant, irqchip):
    demo.play(variant, irqchip, sys.stdout, prefix="test-demo")


# ---- resets -----------------------------------------------------------------------------------


def reset(m, told, command, kind, nth):
    """`command` in control takes all down in order and resets the machine: Curia boots again."""
    m.prompt("control")
    mark = len(m.audit)
    m.type(command)
    m.qmp_event("RESET", nth=nth, seconds=demo.OFF_SECONDS)
    told.step(f"{command}: the machine is reset")
    assert m.qmp_events("RESET")[nth - 1] == {"guest": True, "reason": "guest-reset"}
    m.until(lambda: any(r.event == "BOOT" for r in m.audit[mark:]), "BOOT in the audit", 60)
    # What came before that boot is looked at as if it had been the end.
    later = m.audit[mark:]
    boot = next(r for r in later if r.event == "BOOT")
    m.audit = m.audit[:mark] + later[:later.index(boot)]
    demo.check_order(m, told, "control")
    assert demo.records(m)[-1].detail.startswith(kind)
    down = demo.records(m)
    m.audit.append(boot)
    return down


@pytest.mark.parametrize("irqchip", CHIPS)
def test_resets(irqchip):
    with Machine(f"test-resets-{irqchip}", irqchip=irqchip, vms=demo.VMS) as m:
        told = demo.Told(m, sys.stdout)
        demo.boot(m, told)
        down = reset(m, told, "curiactl reboot --warm", "warm-reset", 1)
        demo.boot(m, told)
        demo.all_run(m, told, (1, 1, 1))

        # Record for record, in the hypervisor's shell and in control.
        for lines in (m.curia("audit"), m.shell("curiactl audit", vm="control")[1]):
            kept = [parse_audit(line) for line in lines]
            assert None not in kept, lines
            assert [r for r in kept if r in down] == down, "the earlier boot's audit was not kept"
            assert [r.event for r in kept if r.seq > down[-1].seq] == ["BOOT"]
        told.step("the audit of the boot before is there")

        # The next boot is seen to begin; the one before was whole.
        reset(m, told, "curiactl reboot", "cold-reset", 2)
        m.expect("^adas: ready, task at 1000 Hz$", vm="adas")


# ---- aborted, and an emergency ----------------------------------------------------------------


@pytest.fixture(scope="module")
def veto_bundle():
    """The demo with the right to a veto for cockpit."""
    text = (TOP / "platforms" / "qemu-virt" / "demo.dts").read_text()
    text, count = re.subn(r"(power-superiors = <&control>;)", r"\1\n        power-may-veto;", text)
    assert count == 1
    return make_bundle("demo-veto", text, kernel=BUILD / "deps" / "guest" / "Image",
                       initrd=BUILD / "guests" / "initrd.cpio", rtos=BUILD / "guests" / "rtos.bin")


def policy(m, answer):
    """A program in cockpit answers the next PREPARE so."""
    m.prompt("cockpit")
    m.shell("kill %1; wait")     # the one before holds the device for as long as it postpones
    m.shell(f"curiactl policy {answer} > /run/policy & sleep 0.3; kill -0 $!")


def told_off(m, told, events):
    """The last transition ended with ABORT, for the reason told, and nobody was stopped by it."""
    m.until(lambda: demo.records(m, "ABORT"), "ABORT in the audit", 60)
    seen = [r.event for r in demo.records(m)]
    for event in events:
        assert event in seen, f"no {event} in {seen}"
    assert not {"STOP-SENT", "FORCE", "STOPPED", "COMMIT"} & set(seen), seen
    assert "machine RUN, this VM UP" in m.shell("curiactl status", vm="control")[1]
    demo.all_run(m, told, (1, 1, 1))
    demo.ping(m, told)


def refused(m, told, vm, command, why):
    status, lines = m.shell(f"{command} 2>&1", vm=vm, check=False)
    assert status == 1 and any(why in line for line in lines), (command, status, lines)
    told.step(f"{command} in {vm}: {lines[-1]}")


def adas_alone(m, told, command, state, generation):
    """One VM is taken down, or up, without the others."""
    mark = m.mark()
    m.shell(command, vm="control")
    if state == "off":
        m.expect("adas: stopped", vm="curia", since=mark)
    else:
        m.expect("^adas: ready, task at 1000 Hz$", vm="adas", since=mark)
    table = demo.vm_list(m, told)
    assert table["adas"][:2] == (state, generation), table
    assert [table[vm][:2] for vm in ("control", "cockpit")] == [("running", 1)] * 2, table
    told.step(command)


@pytest.mark.parametrize("irqchip", CHIPS)
def test_aborts_and_emergency(irqchip, veto_bundle):
    with Machine(f"test-aborts-{irqchip}", bundle=veto_bundle, irqchip=irqchip, vms=demo.VMS) as m:
        told = demo.Told(m, sys.stdout)
        demo.boot(m, told)
        refused(m, told, "cockpit", "curiactl poweroff", "this VM may not")
        refused(m, told, "cockpit", "curiactl stop adas", "no VM 'adas' that this one may see")
        refused(m, told, "control", "curiactl cancel", "no such transition")

        policy(m, "postpone 6000")
        demo.ask_poweroff(m, told)
        record = m.expect_audit("cockpit", "POSTPONE")
        assert record.detail == "+2000000 us", "what was granted is not the quantum of the manifest"
        refused(m, told, "cockpit", "curiactl cancel", "not this VM's to cancel")
        m.shell("curiactl cancel", vm="control")
        told_off(m, told, ("CANCEL",))
        assert "adas" not in demo.records(m, "PREPARE-SENT"), "adas was asked before its turn"
        told.step("cancelled while cockpit postponed")

        policy(m, "veto")
        demo.ask_poweroff(m, told)
        told_off(m, told, ("VETO",))
        told.step("cockpit's veto called it off")

        adas_alone(m, told, "curiactl stop adas", "off", 1)
        refused(m, told, "control", "curiactl ping adas", "it is not up")
        adas_alone(m, told, "curiactl start adas", "running", 2)
        adas_alone(m, told, "curiactl restart adas", "running", 3)
        adas_alone(m, told, "curiactl restart --force adas", "running", 4)
        demo.ping(m, told)

        m.type("curiactl poweroff --emergency", vm="control")
        demo.machine_off(m, told)
        demo.check_order(m, told, "control", emergency=True)
