/* SPDX-License-Identifier: BSD-2-Clause */
/* The standard numbers of SBI [SBI 3.0], for C and assembler. Guests get them with sbi/abi.h. */
#ifndef CURIA_SBI_ABI_SBI_H
#define CURIA_SBI_ABI_SBI_H

#ifndef __KERNEL__ /* Linux has names of its own for these */

#define SBI_SPEC_VERSION 0x3000000 /* 3.0: major << 24 | minor */

#define SBI_EXT_LEGACY_SET_TIMER          0x00
#define SBI_EXT_LEGACY_PUTCHAR            0x01
#define SBI_EXT_LEGACY_GETCHAR            0x02
#define SBI_EXT_LEGACY_CLEAR_IPI          0x03
#define SBI_EXT_LEGACY_SEND_IPI           0x04
#define SBI_EXT_LEGACY_REMOTE_FENCE_I     0x05
#define SBI_EXT_LEGACY_REMOTE_SFENCE      0x06
#define SBI_EXT_LEGACY_REMOTE_SFENCE_ASID 0x07
#define SBI_EXT_LEGACY_SHUTDOWN           0x08

#define SBI_EXT_BASE   0x10
#define SBI_EXT_TIME   0x54494D45
#define SBI_EXT_IPI    0x735049
#define SBI_EXT_RFENCE 0x52464E43
#define SBI_EXT_HSM    0x48534D
#define SBI_EXT_SRST   0x53525354
#define SBI_EXT_DBCN   0x4442434E
#define SBI_EXT_SUSP   0x53555350
#define SBI_EXT_SSE    0x535345
#define SBI_EXT_FWFT   0x46574654
#define SBI_EXT_PMU    0x504D55
#define SBI_EXT_STA    0x535441
#define SBI_EXT_DBTR   0x44425452

#define SBI_BASE_GET_SPEC_VERSION 0
#define SBI_BASE_GET_IMPL_ID      1
#define SBI_BASE_GET_IMPL_VERSION 2
#define SBI_BASE_PROBE_EXTENSION  3
#define SBI_BASE_GET_MVENDORID    4
#define SBI_BASE_GET_MARCHID      5
#define SBI_BASE_GET_MIMPID       6

#define SBI_TIME_SET_TIMER 0
#define SBI_IPI_SEND_IPI   0

#define SBI_RFENCE_FENCE_I          0
#define SBI_RFENCE_SFENCE_VMA       1
#define SBI_RFENCE_SFENCE_VMA_ASID  2
#define SBI_RFENCE_HFENCE_GVMA_VMID 3
#define SBI_RFENCE_HFENCE_GVMA      4
#define SBI_RFENCE_HFENCE_VVMA_ASID 5
#define SBI_RFENCE_HFENCE_VVMA      6

#define SBI_HSM_START      0
#define SBI_HSM_STOP       1
#define SBI_HSM_GET_STATUS 2
#define SBI_HSM_SUSPEND    3

#define SBI_HSM_STATE_STARTED         0
#define SBI_HSM_STATE_STOPPED         1
#define SBI_HSM_STATE_START_PENDING   2
#define SBI_HSM_STATE_STOP_PENDING    3
#define SBI_HSM_STATE_SUSPENDED       4
#define SBI_HSM_STATE_SUSPEND_PENDING 5
#define SBI_HSM_STATE_RESUME_PENDING  6

#define SBI_HSM_SUSPEND_RETENTIVE     0x00000000
#define SBI_HSM_SUSPEND_NON_RETENTIVE 0x80000000

#define SBI_SRST_RESET          0
#define SBI_SRST_TYPE_SHUTDOWN  0
#define SBI_SRST_TYPE_COLD      1
#define SBI_SRST_TYPE_WARM      2
#define SBI_SRST_REASON_NONE    0
#define SBI_SRST_REASON_FAILURE 1

#define SBI_SUSP_SUSPEND        0
#define SBI_SUSP_SLEEP_TO_RAM   0x00000000
#define SBI_SUSP_SLEEP_PLATFORM 0x80000000 /* and above: the platform's own */

#define SBI_DBCN_WRITE      0
#define SBI_DBCN_READ       1
#define SBI_DBCN_WRITE_BYTE 2

#define SBI_SSE_READ_ATTRS  0
#define SBI_SSE_WRITE_ATTRS 1
#define SBI_SSE_REGISTER    2
#define SBI_SSE_UNREGISTER  3
#define SBI_SSE_ENABLE      4
#define SBI_SSE_DISABLE     5
#define SBI_SSE_COMPLETE    6
#define SBI_SSE_INJECT      7
#define SBI_SSE_HART_UNMASK 8
#define SBI_SSE_HART_MASK   9

#define SBI_SSE_LOCAL_HIGH_RAS    0x00000000
#define SBI_SSE_LOCAL_DOUBLE_TRAP 0x00000001
#define SBI_SSE_GLOBAL_HIGH_RAS   0x00008000
#define SBI_SSE_LOCAL_PMU         0x00010000
#define SBI_SSE_LOCAL_LOW_RAS     0x00100000
#define SBI_SSE_GLOBAL_LOW_RAS    0x00108000
#define SBI_SSE_LOCAL_SOFTWARE    0xffff0000
#define SBI_SSE_GLOBAL_SOFTWARE   0xffff8000

#define SBI_SSE_ATTR_STATUS         0 /* bits 1:0 state, 2 pending, 3 may be injected */
#define SBI_SSE_ATTR_PRIORITY       1
#define SBI_SSE_ATTR_CONFIG         2 /* bit 0 one-shot */
#define SBI_SSE_ATTR_PREFERRED_HART 3
#define SBI_SSE_ATTR_ENTRY_PC       4
#define SBI_SSE_ATTR_ENTRY_ARG      5
#define SBI_SSE_ATTR_SEPC           6 /* this and those after: INTERRUPTED_ */
#define SBI_SSE_ATTR_FLAGS          7 /* bits 0 SPP, 1 SPIE, 2 SPV, 3 SPVP, 4 SPELP, 5 SDT */
#define SBI_SSE_ATTR_A6             8
#define SBI_SSE_ATTR_A7             9

#define SBI_SSE_STATUS_INJECT 8

#define SBI_FWFT_SET 0
#define SBI_FWFT_GET 1

#define SBI_FWFT_MISALIGNED_EXC_DELEG  0
#define SBI_FWFT_LANDING_PAD           1
#define SBI_FWFT_SHADOW_STACK          2
#define SBI_FWFT_DOUBLE_TRAP           3
#define SBI_FWFT_PTE_AD_HW_UPDATING    4
#define SBI_FWFT_POINTER_MASKING_PMLEN 5

#define SBI_FWFT_LOCK 1

#define SBI_PMU_NUM_COUNTERS       0
#define SBI_PMU_COUNTER_GET_INFO   1
#define SBI_PMU_CONFIG_MATCHING    2
#define SBI_PMU_COUNTER_START      3
#define SBI_PMU_COUNTER_STOP       4
#define SBI_PMU_COUNTER_FW_READ    5
#define SBI_PMU_COUNTER_FW_READ_HI 6
#define SBI_PMU_SNAPSHOT_SET_SHMEM 7
#define SBI_PMU_EVENT_GET_INFO     8

#define SBI_PMU_CFG_SKIP_MATCH       0x01
#define SBI_PMU_CFG_CLEAR_VALUE      0x02
#define SBI_PMU_CFG_AUTO_START       0x04
#define SBI_PMU_CFG_SET_VUINH        0x08
#define SBI_PMU_CFG_SET_VSINH        0x10
#define SBI_PMU_CFG_SET_UINH         0x20
#define SBI_PMU_CFG_SET_SINH         0x40
#define SBI_PMU_CFG_SET_MINH         0x80
#define SBI_PMU_START_SET_INIT_VALUE 1
#define SBI_PMU_START_INIT_SNAPSHOT  2
#define SBI_PMU_STOP_RESET           1
#define SBI_PMU_STOP_TAKE_SNAPSHOT   2

/* event_idx: a type above a code of 16 bits. */
#define SBI_PMU_TYPE_RAW_V2       3 /* the last of those of the hart's counters */
#define SBI_PMU_TYPE_FW           15
#define SBI_PMU_EVENT(type, code) ((uint64_t)(type) << 16 | (code))
#define SBI_PMU_HW_CPU_CYCLES     1
#define SBI_PMU_HW_INSTRUCTIONS   2

#define SBI_PMU_FW_ACCESS_LOAD              2
#define SBI_PMU_FW_ACCESS_STORE             3
#define SBI_PMU_FW_ILLEGAL_INSN             4
#define SBI_PMU_FW_SET_TIMER                5
#define SBI_PMU_FW_IPI_SENT                 6
#define SBI_PMU_FW_IPI_RECEIVED             7
#define SBI_PMU_FW_FENCE_I_SENT             8
#define SBI_PMU_FW_FENCE_I_RECEIVED         9
#define SBI_PMU_FW_SFENCE_VMA_SENT          10
#define SBI_PMU_FW_SFENCE_VMA_RECEIVED      11
#define SBI_PMU_FW_SFENCE_VMA_ASID_SENT     12
#define SBI_PMU_FW_SFENCE_VMA_ASID_RECEIVED 13

#define SBI_STA_SET_SHMEM 0

#define SBI_DBTR_NUM_TRIGGERS 0
#define SBI_DBTR_SET_SHMEM    1
#define SBI_DBTR_READ         2
#define SBI_DBTR_INSTALL      3
#define SBI_DBTR_UPDATE       4
#define SBI_DBTR_UNINSTALL    5
#define SBI_DBTR_ENABLE       6
#define SBI_DBTR_DISABLE      7

#define SBI_DBTR_STATE_MAPPED 0x01
#define SBI_DBTR_STATE_U      0x02
#define SBI_DBTR_STATE_S      0x04

/* tdata1 of type mcontrol6. [RISC-V Debug 1.0, Sdtrig] */
#define SBI_DBTR_TYPE_SHIFT 60
#define SBI_DBTR_MCONTROL6  (6ull << SBI_DBTR_TYPE_SHIFT)
#define SBI_DBTR_DMODE      (1ull << 59)
#define SBI_DBTR_VS         (1ull << 24)
#define SBI_DBTR_VU         (1ull << 23)
#define SBI_DBTR_SIZE(size) ((uint64_t)(size) << 16) /* 1, 2, 3, 5: 8 to 64 bits; 0: any */
#define SBI_DBTR_CHAIN      (1ull << 11)
#define SBI_DBTR_M          (1ull << 6)
#define SBI_DBTR_S          (1ull << 4)
#define SBI_DBTR_U          (1ull << 3)
#define SBI_DBTR_EXECUTE    (1ull << 2)
#define SBI_DBTR_STORE      (1ull << 1)
#define SBI_DBTR_LOAD       (1ull << 0)

#define SBI_SUCCESS               0
#define SBI_ERR_FAILED            (-1)
#define SBI_ERR_NOT_SUPPORTED     (-2)
#define SBI_ERR_INVALID_PARAM     (-3)
#define SBI_ERR_DENIED            (-4)
#define SBI_ERR_INVALID_ADDRESS   (-5)
#define SBI_ERR_ALREADY_AVAILABLE (-6)
#define SBI_ERR_ALREADY_STARTED   (-7)
#define SBI_ERR_ALREADY_STOPPED   (-8)
#define SBI_ERR_NO_SHMEM          (-9)
#define SBI_ERR_INVALID_STATE     (-10)
#define SBI_ERR_BAD_RANGE         (-11)
#define SBI_ERR_TIMEOUT           (-12)
#define SBI_ERR_IO                (-13)
#define SBI_ERR_DENIED_LOCKED     (-14)

#endif /* __KERNEL__ */

#endif
