/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for clang's -Wthread-safety. gcc sees nothing.
 *
 * The order in which locks may be taken, outermost first:
 *
 *     power > sources > vm > vcpu > device > channel > irqchip > hart (timers) > pool > console >
 *     log
 *
 * sources: of the host's interrupts, around a sleep of the machine. vcpu: its fences, or the VM's
 * software events; no other is taken with either held. irqchip: a VM's interrupt controller
 * (devices and channels raise its sources), then the machine's, or a vCPU's interrupt file. Nothing
 * is called back upwards with a lower lock held: an event that has to go up (a VM has stopped) is
 * raised after the lower lock is dropped.
 */
#ifndef CORE_LOCKS_H
#define CORE_LOCKS_H

#if defined(__clang__)
#define TSA(x) __attribute__((x))
#else
#define TSA(x)
#endif

#define CAPABILITY(name) TSA(capability(name))
/* For the reader: a C compiler before clang 19 cannot resolve a sibling member in an attribute. */
#define GUARDED_BY(l)
#define PT_GUARDED_BY(l)
#define REQUIRES(l)        TSA(requires_capability(l))
#define EXCLUDES(l)        TSA(locks_excluded(l))
#define ACQUIRES(l)        TSA(acquire_capability(l))
#define RELEASES(l)        TSA(release_capability(l))
#define TRY_ACQUIRES(v, l) TSA(try_acquire_capability(v, l))
#define NO_TSA             TSA(no_thread_safety_analysis)

#endif
