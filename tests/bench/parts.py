# SPDX-License-Identifier: BSD-2-Clause
"""What the hypervisor's instructions are for: bulk work, whose amount grows with images and memory, by function; all
else by the file that it is written in, and in some files by function. What a library's code does is its caller's."""

import re
import subprocess

from counter import ELF, RV_PREFIX

BULK = {
    "hash": re.compile(r"br_sha|br_range|sha2|crc|^bundle_verify|hash_part"),
    "copy": re.compile(r"copy_wide|arch_phys_copy|^memcpy$|^memmove$"),
    "zero": re.compile(r"zero_wide|arch_phys_zero|^memset$|^boot$"),
}
SMALL = {   # in "file:line function"
    "fdt": re.compile(r"core/board\w*\.c|riscv/(main|features)\.c|platforms/"),
    "bundle": re.compile(r"core/bundle\.c"),
    "manifest": re.compile(r"core/manifest_\w+\.c"),
    "guest fdt": re.compile(r"core/guest_fdt\.c|virtual/(irqchip_fdt\.c|fdt_put\.h)|.* \w+_fdt(_node)?$"),
    "page tables": re.compile(r"riscv/(gstage|mmu|early)\.c|core/(ram|memmap|pagepool)\.c"),
    "console": re.compile(r"core/(log|console\w*|terminal|line_edit)\.c|uart_\w+\.c"),
}
REST = "rest"
LIBRARY = re.compile(r"libfdt/|libgcc/|newlib/|core/(fdt\.[ch]|addr\.h|io\.h|spinlock\.h)|"
                     r"riscv/(isa|isa_string|copy|string)\.c|\?\?")


def _file_of(blocks, symbols):
    """{address: file} of the blocks' first instructions, inlined functions' own files."""
    at = sorted({block.at for block in blocks})
    out = subprocess.run([RV_PREFIX + "addr2line", "-e", ELF], input="".join(f"{symbols.linked(a):x}\n" for a in at),
                         capture_output=True, text=True, check=True, timeout=60).stdout
    return dict(zip(at, out.splitlines()))


def _bulk_of(block, symbols):
    name = symbols.name(block.at)
    return next((part for part, names in BULK.items() if names.search(name)), None)


def by_part(blocks, symbols):
    """{part: instructions} of Blocks in the order in which they ran: each of BULK and SMALL, REST."""
    files, total, last = _file_of(blocks, symbols), dict.fromkeys((*BULK, *SMALL, REST), 0), {}
    for block in blocks:
        part = _bulk_of(block, symbols)
        if part is None:
            if not LIBRARY.search(files[block.at]):
                place = f"{files[block.at]} {symbols.name(block.at)}"
                last[block.hart] = next((p for p, places in SMALL.items() if places.search(place)), REST)
            part = last.get(block.hart, REST)
        total[part] += block.insns
    return total
