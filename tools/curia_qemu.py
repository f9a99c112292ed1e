# SPDX-License-Identifier: BSD-2-Clause
"""Curia under QEMU without a person: for tools/demo.py and for tests/qemu.

A Machine is one QEMU: its terminal is a pty (pexpect), its control a QMP socket. What the terminal
shows is taken apart into whole lines, each with the console that it belongs to, so that no test has
to know about prefixes, colours and half lines that are wiped and drawn again:

    with Machine("boot", bundle=DEMO_BUNDLE, irqchip="aia") as m:
        m.expect("adas ready|ready, task", vm="adas")
        m.focus("control")                      # Ctrl-] 0
        status, lines = m.shell("uname -r")     # a command in that VM's shell
        m.curia("power off")                    # one in the hypervisor's
        assert m.wait_exit() == 0
        assert m.qmp_event("SHUTDOWN")["reason"] == "guest-shutdown"

Nothing waits without a limit, and QEMU never outlives the `with` or its Python. Everything that the
machine said is in build/log/NAME.log, what QMP said in NAME.qmp beside it. All failures are
Failure, an AssertionError that names the log. CURIA_PATIENCE=3 makes every limit three times as
long.
"""

import codecs
import ctypes
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

import pexpect

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = TOP / "build"
LOGS = BUILD / "log"
IMAGE = BUILD / "curia.bin"
DEMO_BUNDLE = BUILD / "demo.itb"
SHARED_BUNDLE = BUILD / "demo-shared.itb"
QEMU = os.environ.get("QEMU", "qemu-system-riscv64")
PATIENCE = float(os.environ.get("CURIA_PATIENCE", "1"))

# The interrupt controllers that QEMU's virt machine can have.
IRQCHIPS = {
    "aia": "virt,aia=aplic-imsic,aia-guests=5",
    "plic": "virt",
    "aplic": "virt,aia=aplic",
}

def machine_type(irqchip):
    """QEMU's -M. Beside those above, aia-N: an AIA whose harts have N guest interrupt files each."""
    files = re.fullmatch(r"aia-(\d)", irqchip)
    return f"virt,aia=aplic-imsic,aia-guests={files[1]}" if files else IRQCHIPS[irqchip]


BOOT_SECONDS = 180     # two Debian guests on a machine that is busy with other things
COMMAND_SECONDS = 60
CURIA = "curia"        # the name of the hypervisor's own lines

_FATAL = re.compile(r"\bpanic: ")
_REFUSED = re.compile(r"^\[.*\] error: cannot start: ")
_KEYS = "0123456789abcdefgijklmnopqrstuvwxyz"
_ESCAPE = "\x1d"
_SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


class Failure(AssertionError):
    """Something was not as told; the text says what and where the log is."""


@dataclass(frozen=True)
class Line:
    """A whole line of the terminal. `vm` is None for what no console of Curia wrote: firmware."""
    at: float               # seconds since QEMU was started
    vm: "str | None"
    text: str
    match: "re.Match | None" = field(default=None, compare=False)


@dataclass(frozen=True)
class Audit:
    """An audit record as Curia prints it."""
    seq: int
    at: float               # seconds since that boot of Curia
    txn: int
    vm: str                 # or all, console, platform
    event: str
    old: str
    new: str
    detail: str
    line_at: float = field(default=0.0, compare=False)


_AUDIT = re.compile(r"audit (\d+) \[ *(\d+\.\d+)\] txn (\d+) (\S+) (\S+) "
                    r"(\S+)(?: -> (\S+))?(?: (.*))?$")


def parse_audit(text, line_at=0.0):
    """The record in a line, or None."""
    m = _AUDIT.search(text)
    if not m:
        return None
    return Audit(int(m[1]), float(m[2]), int(m[3]), m[4], m[5], m[6], m[7] or m[6], m[8] or "",
                 line_at)


class Screen:
    """The part of a terminal that Curia uses: one line at a time, wiped and drawn again."""

    def __init__(self, on_line):
        self._on_line = on_line
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._pending = ""
        self._clear()

    def _clear(self):
        self._text, self._col, self._vm = [], 0, None

    def now(self):
        """The unfinished line: whose, and its text."""
        return self._vm, "".join(self._text)

    def feed(self, data):
        text = self._pending + self._decode(data)
        self._pending = ""
        at = 0
        while at < len(text):
            c = text[at]
            if c == "\x1b":
                m = _SEQUENCE.match(text, at)
                if m:
                    self._sequence(m[1], m[2])
                    at = m.end()
                    continue
                if len(text) - at < 32 and re.fullmatch(r"\x1b(\[[0-9;?]*)?", text[at:]):
                    self._pending = text[at:]
                    return
            elif c == "\n":
                self._on_line(*self.now())
                self._clear()
            elif c == "\r":
                self._col = 0
            elif c == "\b":
                self._col = max(0, self._col - 1)
            elif c >= " ":
                self._text[self._col:self._col + 1] = [c]
                self._col += 1
            at += 1

    def _sequence(self, parameters, final):
        n = int(parameters) if parameters.isdigit() else 1
        if final == "K" and self._col == 0:
            self._clear()
        elif final == "K":
            del self._text[self._col:]
        elif final == "D":
            self._col = max(0, self._col - n)
        elif final == "C":
            self._col = min(len(self._text), self._col + n)
        elif final == "m" and self._vm is None:
            # Only Curia's own prefix ends so: what a guest writes comes behind it.
            m = re.fullmatch(r"(\S+) *\| ", "".join(self._text))
            if m and parameters == "0":
                self._clear()
                self._vm = m[1]


class Qmp:
    """The machine protocol: commands by execute(), events gathered as they come."""

    def __init__(self, path, log, deadline):
        self.events = []
        self._log = open(log, "w", encoding="utf-8")
        self._answers = []
        self._buffer = b""
        self.open = True
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        while True:
            try:
                self._socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self._socket.setblocking(False)

    def fileno(self):
        return self._socket.fileno()

    def read(self):
        """What is there now."""
        while self.open:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.open = False
            self._buffer += data
            *lines, self._buffer = self._buffer.split(b"\n")
            for line in filter(bytes.strip, lines):
                self._log.write(line.decode().strip() + "\n")
                self._log.flush()
                message = json.loads(line)
                if "event" in message:
                    self.events.append(message)
                elif "return" in message or "error" in message:
                    self._answers.append(message)

    def send(self, command, arguments):
        message = {"execute": command}
        if arguments:
            message["arguments"] = arguments
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def answer(self):
        return self._answers.pop(0) if self._answers else None

    def close(self):
        self.open = False
        self._socket.close()
        self._log.close()


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Machine:
    """One QEMU with Curia in it.

    name      of the log, build/log/NAME.log
    bundle    the FIT image that is handed over as initrd; None: none
    irqchip   as machine_type() has it
    harts, memory, cpu, kernel, append, extra: what QEMU is given (extra: a list of arguments)
    vms       names in the order of the manifest, which is that of the keys behind Ctrl-]
    seconds   the longest that this machine may live
    no_reboot QEMU ends at a reset
    refuses   Curia is not expected to start: that it cannot is no failure
    """

    def __init__(self, name, bundle=DEMO_BUNDLE, irqchip="aia", harts=4, memory="2G", cpu=None,
                 kernel=IMAGE, append=None, extra=(), vms=("control", "cockpit", "adas"),
                 seconds=900, no_reboot=False, refuses=False):
        self._refuses = refuses
        self.name, self.vms, self.irqchip = name, tuple(vms), irqchip
        self.log = LOGS / f"{name}.log"
        self.lines = []
        self.audit = []
        self._seen = {}
        self._marker = 0
        self._fatal = None
        self._status = None
        self._focused = None
        self._screen = Screen(self._line)
        for path in (kernel, bundle):
            if path is not None and not pathlib.Path(path).exists():
                raise Failure(f"{path} is not built: make {pathlib.Path(path).name}")
        LOGS.mkdir(parents=True, exist_ok=True)
        self._scratch = tempfile.mkdtemp(prefix="curia-")
        qmp = f"{self._scratch}/qmp"
        self.command = [QEMU, "-M", machine_type(irqchip), "-smp", str(harts), "-m", memory,
                        "-display", "none", "-monitor", "none", "-serial", "chardev:terminal",
                        "-chardev", "stdio,id=terminal,signal=off",
                        "-qmp", f"unix:{qmp},server=on,wait=off", "-kernel", str(kernel)]
        self.command += ["-initrd", str(bundle)] if bundle is not None else []
        self.command += ["-cpu", cpu] if cpu else []
        self.command += ["-append", append] if append else []
        self.command += ["-no-reboot"] if no_reboot else []
        self.command += list(extra)
        self._log = open(self.log, "wb")
        self._log.write((" ".join(self.command) + "\n").encode())
        self.started = time.monotonic()
        self._end = self.started + seconds * PATIENCE
        self._child = None
        self._qmp = None
        try:
            self._child = pexpect.spawn(self.command[0], self.command[1:], timeout=None,
                                        preexec_fn=_die_with_parent, dimensions=(24, 1000))
            self._child.delaybeforesend = None
            self._qmp = Qmp(qmp, LOGS / f"{name}.qmp", time.monotonic() + 20 * PATIENCE)
            self.qmp("qmp_capabilities")
        except (OSError, pexpect.ExceptionPexpect) as error:
            self.pump(0.2)
            self.close()
            raise self.failure(f"QEMU does not start: {error}") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        """Ends QEMU, whatever it is doing. May be called twice."""
        if self._child is not None and self._child.isalive():
            self._child.kill(signal.SIGKILL)
            self._child.wait()
        if self._child is not None:
            self._child.close(force=True)
        if self._qmp is not None:
            self._qmp.close()
        self._log.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    # ---- what it says ------------------------------------------------------------------------

    def now(self):
        """Seconds since QEMU was started."""
        return time.monotonic() - self.started

    def _line(self, vm, text):
        line = Line(self.now(), vm, text.rstrip())
        self.lines.append(line)
        if vm == CURIA:
            record = parse_audit(line.text, line.at)
            # The shell's `audit` shows old records once more.
            if record and line.text.startswith("["):
                self.audit.append(record)
                if record.event == "BOOT":
                    self._focused = None
            if _FATAL.search(line.text) or (_REFUSED.search(line.text) and not self._refuses):
                self._fatal = line.text

    def pump(self, seconds):
        """Takes in what the machine says, until something has come or the time is over."""
        if not self.running() or self._log.closed:
            return
        poll = select.poll()
        poll.register(self._child.child_fd, select.POLLIN)
        if self._qmp is not None and self._qmp.open:
            poll.register(self._qmp.fileno(), select.POLLIN)
        ready = [fd for fd, _ in poll.poll(max(0.0, seconds) * 1000)]
        if self._child.child_fd in ready:
            try:
                data = self._child.read_nonblocking(65536, timeout=0)
                self._log.write(data)
                self._log.flush()
                self._screen.feed(data)
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                self._ended()
                return
        if self._qmp is not None and self._qmp.fileno() in ready:
            self._qmp.read()

    def _ended(self):
        if self._qmp is not None:
            self._qmp.read()
        self._child.wait()
        self._status = (self._child.exitstatus if self._child.exitstatus is not None
                        else -self._child.signalstatus)

    def running(self):
        return self._status is None

    def failure(self, text):
        """A Failure with what was said last, by Curia and by who has the keyboard, too, and the path of the log."""
        earlier = self.lines[:-12]
        shown = [line for line in earlier if line.vm == CURIA][-6:]
        if self._focused != CURIA:
            shown += [line for line in earlier if line.vm == self._focused][-16:]
        shown = sorted(shown, key=lambda line: line.at) + self.lines[-12:]
        tail = "".join(f"    {line.at:7.1f} s  {line.vm or '-':8} | {line.text}\n" for line in shown)
        vm, unfinished = self._screen.now()
        tail += f"               {vm or '-':8} | {unfinished}\n" if unfinished else ""
        return Failure(f"{self.name}: {text}\n  after {self.now():.1f} s; the last lines:\n{tail}"
                       f"  log: {self.log.relative_to(TOP)}")

    def until(self, found, what, seconds, may_end=False):
        """Waits until found() gives something that is true, and returns that."""
        limit = time.monotonic() + seconds * PATIENCE
        while True:
            result = found()
            if result:
                return result
            now = time.monotonic()
            if self._fatal:
                raise self.failure(f"Curia gave up ({self._fatal}) while awaiting {what}")
            if not self.running() and not may_end:
                raise self.failure(f"QEMU ended (status {self._status}) while awaiting {what}")
            if now > self._end:
                raise self.failure(f"the machine's time is over while awaiting {what}")
            if now > limit or not self.running():
                raise self.failure(f"no {what} within {seconds * PATIENCE:.0f} s")
            self.pump(min(limit, self._end) - now)

    def find(self, pattern, vm=None, since=0):
        """The first line from index `since` on (of that VM, if named) that matches; or None."""
        for line in self.lines[since:]:
            if vm is None or line.vm == vm:
                match = re.search(pattern, line.text)
                if match:
                    return Line(line.at, line.vm, line.text, match)
        return None

    def mark(self):
        """For find() and expect(since=): only what comes from now on."""
        return len(self.lines)

    def expect(self, pattern, vm=None, seconds=COMMAND_SECONDS, since=None):
        """Waits for a whole line that matches; without `since`, behind the one that was last
        expected of this VM. The match is in .match."""
        state = [self._seen.get(vm, 0) if since is None else since]

        def look():
            for index in range(state[0], len(self.lines)):
                line = self.lines[index]
                if vm is None or line.vm == vm:
                    match = re.search(pattern, line.text)
                    if match:
                        self._seen[vm] = index + 1
                        return Line(line.at, line.vm, line.text, match)
            state[0] = len(self.lines)
            return None

        return self.until(look, f"/{pattern}/" + (f" of {vm}" if vm else ""), seconds, may_end=True)

    def expect_audit(self, vm, event, txn=None, seconds=COMMAND_SECONDS):
        """Waits for an audit record, if it has not come yet."""
        return self.until(lambda: next((r for r in self.audit if r.vm == vm and r.event == event
                                        and txn in (None, r.txn)), None),
                          f"{event} of {vm} in the audit", seconds, may_end=True)

    def cpu_seconds(self):
        """What QEMU has used of the cores, its kernel's part with it."""
        fields = pathlib.Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def idle(self, seconds):
        """Lets the machine go on for so long, whatever it says."""
        until = time.monotonic() + seconds
        while self.running() and time.monotonic() < until:
            self.pump(until - time.monotonic())

    def unfinished(self):
        """The terminal's last line as it stands: whose, and its text."""
        return self._screen.now()

    # ---- what it is told ---------------------------------------------------------------------

    def send(self, text):
        """Keys, as they are."""
        self._child.send(text)

    def focus(self, vm):
        """Gives that VM the keyboard, or the hypervisor's shell (CURIA)."""
        if self._focused == vm:
            return
        mark = self.mark()
        self.send(_ESCAPE + ("h" if vm == CURIA else _KEYS[self.vms.index(vm)]))
        self.expect(r"^keyboard: " + ("the hypervisor" if vm == CURIA else re.escape(vm)),
                    vm=CURIA, since=mark)
        self._focused = vm

    def prompt(self, vm, seconds=COMMAND_SECONDS):
        """Gives a Linux VM the keyboard and waits for its shell to prompt."""
        self.focus(vm)

        def look():
            if self._screen.now() == (vm, f"{vm}# "):
                return True
            if time.monotonic() > asked[0] + 2:
                asked[0] = time.monotonic()
                self.send("\r")
            return False

        asked = [0.0]
        limit = time.monotonic() + seconds * PATIENCE
        while not look():
            if time.monotonic() > limit or not self.running():
                raise self.failure(f"no prompt of {vm}'s shell")
            self.pump(0.5)

    def type(self, command, vm=None):
        """A line for that VM's shell, without waiting for what it does."""
        if vm is not None:
            self.focus(vm)
        self.send(command + "\r")

    def shell(self, command, vm=None, seconds=COMMAND_SECONDS, check=True):
        """Runs a command in a Linux VM's shell: its exit status and what it printed, as lines.
        Those that the kernel or a background job print meanwhile are among them. check: the status
        has to be 0."""
        if vm is not None:
            self.focus(vm)
        vm = self._focused
        self._marker += 1
        begin, end = f"<{self._marker}>", f"</{self._marker}:"
        mark = self.mark()
        # Echoed as it is typed, the marks are not yet what the shell makes of them.
        n = f"{self._marker}"
        self.send(f"echo '<'{n}'>'; {command}; echo '</'{n}:$?\r")
        last = self.expect("^" + re.escape(end) + r"(\d+)$", vm=vm, seconds=seconds, since=mark)
        text = [line.text for line in self.lines[mark:] if line.vm == vm]
        text = text[text.index(begin) + 1:] if begin in text else text
        text = text[:text.index(last.text)]
        status = int(last.match[1])
        if check and status != 0:
            raise self.failure(f"in {vm}, `{command}` ended with status {status}: "
                               + " / ".join(text))
        return status, text

    def curia(self, command, seconds=COMMAND_SECONDS):
        """Runs a command in the hypervisor's shell and returns the lines that it printed. Curia's
        log lines of that moment are left out."""
        self.focus(CURIA)
        mark = self.mark()
        self.send(command + "\r")
        echo = "^" + re.escape(f"> {command}".rstrip()) + "$"
        self.expect(echo, vm=CURIA, seconds=seconds, since=mark)
        mark = self._seen[CURIA]
        self.until(lambda: self._screen.now() == (CURIA, "> ") or not self.running(),
                   f"prompt behind `{command}`", seconds, may_end=True)
        return [line.text for line in self.lines[mark:]
                if line.vm == CURIA and not line.text.startswith("[")]

    # ---- QMP ---------------------------------------------------------------------------------

    def qmp(self, command, seconds=COMMAND_SECONDS, **arguments):
        """A QMP command's answer."""
        self._qmp.send(command, arguments)
        answer = self.until(self._qmp.answer, f"answer to QMP {command}", seconds)
        if "error" in answer:
            raise self.failure(f"QMP {command}: {answer['error'].get('desc')}")
        return answer["return"]

    def pmemsave(self, start, size, path):
        """The machine's memory as a file, while it stands still."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.qmp("pmemsave", val=start, size=size, filename=str(path))

    def qmp_events(self, name):
        """All events of that name so far: their data."""
        return [e.get("data", {}) for e in self._qmp.events if e["event"] == name]

    def qmp_event(self, name, nth=1, seconds=COMMAND_SECONDS):
        """Waits for the nth event of that name, and returns its data."""
        def look():
            events = self.qmp_events(name)
            return [events[nth - 1]] if len(events) >= nth else None
        return self.until(look, f"QMP event {name}", seconds, may_end=True)[0]

    def wait_exit(self, seconds=COMMAND_SECONDS):
        """Waits until QEMU has ended by itself: its exit status, or minus the signal."""
        self.until(lambda: not self.running(), "end of QEMU", seconds, may_end=True)
        return self._status


def make_bundle(name, manifest, **images):
    """build/test/NAME.itb from a manifest (DTS text, or a .dts file) and images by their names."""
    out = BUILD / "test"
    out.mkdir(parents=True, exist_ok=True)
    text = manifest.read_text() if isinstance(manifest, pathlib.Path) else manifest
    dtb, bundle = out / f"{name}.dtb", out / f"{name}.itb"
    subprocess.run([os.environ.get("DTC", "dtc"), "-q", "-I", "dts", "-O", "dtb", "-o", dtb, "-"],
                   input=text.encode(), check=True, timeout=60)
    arguments = [f"--image={n}={p}" for n, p in images.items()]
    arguments = [part for a in arguments for part in a.split("=", 1)]
    subprocess.run([TOP / "tools" / "mkbundle", "-o", bundle, "--manifest", dtb, *arguments],
                   check=True, timeout=120, stdout=subprocess.DEVNULL)
    return bundle
