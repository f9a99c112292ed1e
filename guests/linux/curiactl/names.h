/* SPDX-License-Identifier: GPL-2.0-only */
/* Names for the numbers of Curia's interface. Never NULL: "?" for one without a name. */
#ifndef CURIACTL_NAMES_H
#define CURIACTL_NAMES_H

#include <stdint.h>

const char *name_of_vm_state(uint32_t state);
const char *name_of_stop_reason(uint32_t reason);
const char *name_of_power_state(uint32_t state); /* of the machine or of one VM */
const char *name_of_power_kind(uint32_t kind);
const char *name_of_audit_event(uint32_t event);

#endif
