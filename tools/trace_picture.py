# SPDX-License-Identifier: BSD-2-Clause
"""A trace as a picture: a lane for each hart, in the colour of the VM that runs there; below, a lane for each VM,
with how it was. matplotlib is asked for when it is drawn, so that who draws nothing needs none."""

import trace_records as t

VM_COLOURS = ("#3b6fb6", "#8e5bb5", "#1b9e9e", "#8c6d46", "#d16ba5", "#1f3b63", "#707070", "#6bb8e8")

# How a VM is: its colour and its name, in the order of the legend. None: in the VM's own colour.
OFF = ("#f2f2f2", "off")
LOOKS = {
    "RUNNING": (None, "runs"),
    "LOADING": ("#cfe2f3", "is loaded"),
    "PREPARING": ("#f6d55c", "prepares to go down"),
    "READY": ("#b7d968", "ready, waits for its turn"),
    "STOPPING": ("#e4572e", "told to stop, stops"),
    "FORCED": ("#7b1e1e", "did not: frozen"),
    "SUSPENDED": ("#8fa8c8", "asleep"),
    "RESUMING": ("#7fd1ae", "wakes"),
    "PAUSED": ("#c9c9c9", "paused"),
    "UNKNOWN": ("#ffffff", "not known"),
    "OFF": OFF,
}
SAME = {"NOTIFIED": "PREPARING", "KEYED": "STOPPING", "FORCING": "FORCED", "UNRESPONSIVE": "FORCED",
        "CRASHED": "FORCED", "UP": "RUNNING", "WAITING": "RUNNING"}
MARKS = {"REQUEST": "{by} asks", "ALL-READY": "all ready", "COMMIT": "commit", "ABORT": "called off",
         "SLEEP": "the machine sleeps", "WAKE": "woken", "RESUMED": "all up"}

DARK = ("#7b1e1e", "#e4572e")
LANE = 0.8
COLUMNS = 4000          # runs closer than a picture shows are drawn as their share of a column


def _look(what):
    return LOOKS.get(SAME.get(what, what), OFF)


def _shares(runs, begin, end, vms):
    """By VM: (begin, width, bottom, height) of bars. A run that can be seen is a bar of full height; in columns where
    there are many short ones, each VM has a part of the height, as much as its part of the time."""
    column = (end - begin) / COLUMNS
    bars, crowded = {vm: [] for vm in range(vms)}, {}
    for run in runs:
        first, last = max(run.begin, begin), min(run.end, end)
        if last <= first or run.vm not in bars:
            continue
        if last - first >= 3 * column:
            bars[run.vm].append((first, last - first, 0.0, 1.0))
            continue
        for i in range(int((first - begin) / column), int((last - begin) / column) + 1):
            part = min(last, begin + (i + 1) * column) - max(first, begin + i * column)
            if part > 0:
                share = crowded.setdefault(i, {})
                share[run.vm] = share.get(run.vm, 0.0) + part / column
    for i, share in crowded.items():
        bottom = 0.0
        for vm in sorted(share):
            height = min(share[vm], 1.0 - bottom)
            bars[vm].append((begin + i * column, column, bottom, height))
            bottom += height
    return bars


def _windows(trace, whole, begin, end):
    """What to show side by side, in ms after Curia's start, with a name. The questions down the ranks are mostly
    over in a moment, and have a panel of their own then."""
    first, last = (trace.ms(time) for time in trace.span())
    transition = trace.transition()
    if transition is None or whole or begin is not None or end is not None:
        return [(first if begin is None else begin, last if end is None else end, "")]
    begin, end = (trace.ms(time) for time in transition)
    margin = max(0.06 * (end - begin), 2.0)
    whole = (max(begin - 2 * margin, first), end + margin, "")
    stops = [trace.ms(a.time) for a in trace.audited()
             if a.event in ("STOP-SENT", "FORCE") and transition[0] <= a.time <= transition[1]]
    if not stops or stops[0] - begin > 0.2 * (end - begin):
        return [whole]
    prepare = max(stops[0] - begin, 1.0)
    return [(max(begin - 0.2 * prepare, first), begin + 1.35 * prepare, "asked, down the ranks"),
            (*whole[:2], "told to stop, up the ranks")]


def _draw_harts(axes, trace, begin, end, rows):
    from matplotlib.collections import PolyCollection

    for hart, row in rows:
        runs = [t.Run(trace.ms(r.begin), trace.ms(r.end), r.vm, r.vcpu, r.why) for r in trace.runs(hart)]
        for vm, bars in _shares(runs, begin, end, len(trace.vms)).items():
            corners = []
            for at, width, bottom, height in _joined(bars):
                low, high = row - LANE / 2 + LANE * bottom, row - LANE / 2 + LANE * (bottom + height)
                corners.append(((at, low), (at + width, low), (at + width, high), (at, high)))
            axes.add_collection(PolyCollection(corners, facecolors=VM_COLOURS[vm % len(VM_COLOURS)], linewidths=0,
                                               antialiaseds=False))
        axes.axhline(row - LANE / 2, color="#bbbbbb", linewidth=0.6, zorder=0)
        known = trace.ms(trace.rings[hart][0].time) if trace.rings[hart] else end
        if known > begin:           # older records were overwritten
            axes.broken_barh([(begin, min(known, end) - begin)], (row - LANE / 2, LANE), facecolors="none",
                             edgecolor="#bbbbbb", hatch="///", linewidth=0)


def _joined(bars):
    """Bars of the same height that touch are one."""
    last = None
    for bar in sorted(bars):
        if last is not None and abs(last[0] + last[1] - bar[0]) < 1e-9 and last[2:] == bar[2:]:
            last = (last[0], last[1] + bar[1], *last[2:])
            continue
        if last is not None:
            yield last
        last = bar
    if last is not None:
        yield last


def _looks(trace, vm, begin, end):
    """(begin, end, colour, name): how a VM was, as far as the picture tells it apart."""
    spans = []
    for span in trace.states(vm):
        first, last = max(trace.ms(span.begin), begin), trace.ms(span.end)
        last = end if span.end > trace.span()[1] else min(last, end)
        if last <= first:
            continue
        if spans and spans[-1][2:] == _look(span.what) and spans[-1][1] == first:
            first = spans.pop()[0]
        spans.append((first, last, *_look(span.what)))
    return spans


def _draw_vms(axes, trace, begin, end, rows):
    """Returns which looks were used."""
    used = set()
    room = axes.get_window_extent().width / axes.figure.dpi / (end - begin)     # inches a ms
    for vm, row in rows:
        for first, last, colour, name in _looks(trace, vm, begin, end):
            used.add(name)
            axes.broken_barh([(first, last - first)], (row - LANE / 2, LANE),
                             facecolors=colour or VM_COLOURS[vm % len(VM_COLOURS)], alpha=1.0 if colour else 0.55,
                             edgecolor="white", linewidth=0.8)
            if (last - first) * room > 0.1 + 0.065 * len(name):
                axes.text((first + last) / 2, row, name, ha="center", va="center", fontsize=8,
                          color="white" if colour in DARK else "#222222")
    return used


def _draw_marks(axes, trace, begin, end, top):
    labels = []                 # (at, text): those that are near each other are one
    for a in trace.audited():
        at = trace.ms(a.time)
        if a.event not in MARKS or not begin <= at <= end:
            continue
        axes.axvline(at, color="#333333", linewidth=0.8, linestyle=(0, (4, 2)))
        text = MARKS[a.event].format(by=trace.vm(a.vm))
        if labels and at - labels[-1][0] < 0.12 * (end - begin):
            labels[-1] = (labels[-1][0], f"{labels[-1][1]}; {text}")
        else:
            labels.append((at, text))
    room = axes.get_window_extent().width / axes.figure.dpi / (end - begin)     # inches a ms
    free = begin
    for at, text in labels:
        width = 0.065 * len(text) / room
        late = at + width > end
        if (at - width if late else at) < free:
            continue            # no room: the line alone
        free = at if late else at + width
        axes.text(at, top + 0.06, f"{text} " if late else f" {text}", fontsize=8, ha="right" if late else "left",
                  va="bottom", color="#333333")


def _panel(axes, trace, window, names):
    """One stretch of time. Returns which looks were used."""
    begin, end, title = window
    harts, vms = len(trace.rings), len(trace.vms)
    hart_rows = [(hart, harts + vms + 0.6 - hart) for hart in range(harts)]
    vm_rows = [(vm, vms - vm) for vm in range(vms)]
    top = harts + vms + 0.6 + LANE / 2
    _draw_harts(axes, trace, begin, end, hart_rows)
    used = _draw_vms(axes, trace, begin, end, vm_rows)
    _draw_marks(axes, trace, begin, end, top)

    axes.set_xlim(begin, end)
    axes.set_ylim(0.45, top + 0.5)
    labels = [f"hart {trace.hart_ids[hart]}" for hart, _ in hart_rows] + [trace.vms[vm] for vm, _ in vm_rows]
    axes.set_yticks([row for _, row in hart_rows + vm_rows], labels if names else [""] * len(labels))
    for label, (vm, _) in zip(axes.get_yticklabels()[harts:], vm_rows):
        label.set_color(VM_COLOURS[vm % len(VM_COLOURS)])
        label.set_fontweight("bold")
    axes.axhline(vms + 0.8, color="#999999", linewidth=0.8)
    axes.set_xlabel("ms after Curia's start", fontsize=9)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6, zorder=-1)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.ticklabel_format(axis="x", useOffset=False, style="plain")
    axes.set_title(title, fontsize=10, color="#555555")
    return used


def _legend(trace, windows, used):
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=VM_COLOURS[i % len(VM_COLOURS)], label=f"{name} runs there")
               for i, name in enumerate(trace.vms)]
    patches += [Patch(facecolor="white", edgecolor="#999999",
                      label="blank: the hart waits (half height: half the time)")]
    if any(ring and trace.ms(ring[0].time) > begin for ring in trace.rings for begin, _, _ in windows):
        patches += [Patch(facecolor="white", edgecolor="#bbbbbb", hatch="///", label="its records were overwritten")]
    return patches + [Patch(facecolor=colour, edgecolor="#999999", linewidth=0.4, label=name)
                      for colour, name in LOOKS.values() if colour and name in used]


def draw(trace, path, whole=False, begin=None, end=None, title=None):
    """A picture of the kind that the file's name says. Of the last power transition, unless the whole trace or a
    part of it (ms after Curia's start) is asked for."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    windows = _windows(trace, whole, begin, end)
    if any(last <= first for first, last, _ in windows):
        raise t.Unreadable("there is nothing in that time")
    height = 2.3 + 0.5 * (len(trace.rings) + len(trace.vms) + 0.6)
    figure, panels = pyplot.subplots(1, len(windows), figsize=(14, height), dpi=120, squeeze=False,
                                     width_ratios=(1, 1.7)[:len(windows)])
    used = set()
    for i, (axes, window) in enumerate(zip(panels[0], windows)):
        used |= _panel(axes, trace, window, i == 0)
    patches = _legend(trace, windows, used)
    figure.suptitle(title or "who runs on each hart, and how each VM is", x=0.01, ha="left", fontsize=12)
    figure.legend(handles=patches, loc="lower center", ncols=(len(patches) + 1) // 2, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.5 / height, 1, 1))
    figure.savefig(path)
    pyplot.close(figure)
