/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CSR numbers, CSR fields, causes and interrupt numbers of the RISC-V supervisor, virtual
 * supervisor and hypervisor levels, as constants for C and assembler.
 *
 * Everything is numeric, because clang 14 and gcc 12 know no CSR name of the H extension. CSR_x is
 * a CSR number; X_FIELD a mask in place; X_FIELD_SHIFT the lowest bit of a field of several bits.
 * Values are 64 bits wide (RV64); this file includes nothing and holds no SBI constant.
 *
 * [Priv] is The RISC-V Instruction Set Manual Volume II, version 20240411 and the extensions
 * ratified since; [AIA] is the RISC-V Advanced Interrupt Architecture 1.0.
 */
#ifndef ARCH_RISCV_CSR_BITS_H
#define ARCH_RISCV_CSR_BITS_H

#ifdef __ASSEMBLER__
#define RV_U64(x) (x)
#else
#define RV_U64(x) (x##UL)
#endif
#define RV_BIT(n) (RV_U64(1) << (n))

/* --- Unprivileged CSRs [Priv, "CSR Listing"] --- */

#define CSR_FFLAGS       0x001
#define CSR_FRM          0x002
#define CSR_FCSR         0x003
#define CSR_VSTART       0x008
#define CSR_VXSAT        0x009
#define CSR_VXRM         0x00a
#define CSR_VCSR         0x00f
#define CSR_SSP          0x011
#define CSR_SEED         0x015
#define CSR_JVT          0x017
#define CSR_CYCLE        0xc00
#define CSR_TIME         0xc01
#define CSR_INSTRET      0xc02
#define CSR_HPMCOUNTER3  0xc03 /* to hpmcounter31 at 0xc1f */
#define CSR_HPMCOUNTER31 0xc1f
#define CSR_VL           0xc20
#define CSR_VTYPE        0xc21
#define CSR_VLENB        0xc22

/* --- Supervisor CSRs --- */

#define CSR_SSTATUS       0x100
#define CSR_SIE           0x104
#define CSR_STVEC         0x105
#define CSR_SCOUNTEREN    0x106
#define CSR_SENVCFG       0x10a
#define CSR_SSTATEEN0     0x10c
#define CSR_SSTATEEN1     0x10d
#define CSR_SSTATEEN2     0x10e
#define CSR_SSTATEEN3     0x10f
#define CSR_SCOUNTINHIBIT 0x120
#define CSR_SSCRATCH      0x140
#define CSR_SEPC          0x141
#define CSR_SCAUSE        0x142
#define CSR_STVAL         0x143
#define CSR_SIP           0x144
#define CSR_STIMECMP      0x14d
#define CSR_SCTRCTL       0x14e
#define CSR_SCTRSTATUS    0x14f
#define CSR_SISELECT      0x150
#define CSR_SIREG         0x151
#define CSR_SIREG2        0x152
#define CSR_SIREG3        0x153
#define CSR_SIREG4        0x155
#define CSR_SIREG5        0x156
#define CSR_SIREG6        0x157
#define CSR_STOPEI        0x15c
#define CSR_SCTRDEPTH     0x15f
#define CSR_SATP          0x180
#define CSR_SRMCFG        0x181
#define CSR_SCONTEXT      0x5a8
#define CSR_SCOUNTOVF     0xda0
#define CSR_STOPI         0xdb0

/* --- Hypervisor CSRs --- */

#define CSR_HSTATUS    0x600
#define CSR_HEDELEG    0x602
#define CSR_HIDELEG    0x603
#define CSR_HIE        0x604
#define CSR_HTIMEDELTA 0x605
#define CSR_HCOUNTEREN 0x606
#define CSR_HGEIE      0x607
#define CSR_HVIEN      0x608
#define CSR_HVICTL     0x609
#define CSR_HENVCFG    0x60a
#define CSR_HSTATEEN0  0x60c
#define CSR_HSTATEEN1  0x60d
#define CSR_HSTATEEN2  0x60e
#define CSR_HSTATEEN3  0x60f
#define CSR_HTVAL      0x643
#define CSR_HIP        0x644
#define CSR_HVIP       0x645
#define CSR_HVIPRIO1   0x646
#define CSR_HVIPRIO2   0x647
#define CSR_HTINST     0x64a
#define CSR_HGATP      0x680
#define CSR_HCONTEXT   0x6a8
#define CSR_HGEIP      0xe12

/* --- Virtual supervisor CSRs --- */

#define CSR_VSSTATUS  0x200
#define CSR_VSIE      0x204
#define CSR_VSTVEC    0x205
#define CSR_VSSCRATCH 0x240
#define CSR_VSEPC     0x241
#define CSR_VSCAUSE   0x242
#define CSR_VSTVAL    0x243
#define CSR_VSIP      0x244
#define CSR_VSTIMECMP 0x24d
#define CSR_VSCTRCTL  0x24e
#define CSR_VSISELECT 0x250
#define CSR_VSIREG    0x251
#define CSR_VSIREG2   0x252
#define CSR_VSIREG3   0x253
#define CSR_VSIREG4   0x255
#define CSR_VSIREG5   0x256
#define CSR_VSIREG6   0x257
#define CSR_VSTOPEI   0x25c
#define CSR_VSATP     0x280
#define CSR_VSTOPI    0xeb0

/* --- The structure of a CSR number [Priv, "CSR Address Mapping Conventions"] --- */

#define CSR_NUM_BITS        12
#define CSR_NUM_MASK        0xfff
#define CSR_NUM_RO_MASK     0xc00 /* both bits set: read-only */
#define CSR_NUM_LEVEL_SHIFT 8
#define CSR_NUM_LEVEL_MASK  0x300
#define CSR_NUM_LEVEL_U     0
#define CSR_NUM_LEVEL_S     1
#define CSR_NUM_LEVEL_H     2 /* hypervisor and virtual supervisor */
#define CSR_NUM_LEVEL_M     3

/* --- sstatus and vsstatus [Priv, "Supervisor Status Register"] --- */

#define SSTATUS_SIE        RV_BIT(1)
#define SSTATUS_SPIE       RV_BIT(5)
#define SSTATUS_UBE        RV_BIT(6)
#define SSTATUS_SPP        RV_BIT(8)
#define SSTATUS_VS_SHIFT   9
#define SSTATUS_VS         RV_U64(0x600)
#define SSTATUS_VS_OFF     RV_U64(0x000)
#define SSTATUS_VS_INITIAL RV_U64(0x200)
#define SSTATUS_VS_CLEAN   RV_U64(0x400)
#define SSTATUS_VS_DIRTY   RV_U64(0x600)
#define SSTATUS_FS_SHIFT   13
#define SSTATUS_FS         RV_U64(0x6000)
#define SSTATUS_FS_OFF     RV_U64(0x0000)
#define SSTATUS_FS_INITIAL RV_U64(0x2000)
#define SSTATUS_FS_CLEAN   RV_U64(0x4000)
#define SSTATUS_FS_DIRTY   RV_U64(0x6000)
#define SSTATUS_XS_SHIFT   15
#define SSTATUS_XS         RV_U64(0x18000)
#define SSTATUS_SUM        RV_BIT(18)
#define SSTATUS_MXR        RV_BIT(19)
#define SSTATUS_SPELP      RV_BIT(23) /* Zicfilp */
#define SSTATUS_SDT        RV_BIT(24) /* Ssdbltrp */
#define SSTATUS_UXL_SHIFT  32
#define SSTATUS_UXL        RV_U64(0x300000000)
#define SSTATUS_UXL_64     RV_U64(0x200000000)
#define SSTATUS_SD         RV_BIT(63)

/* --- stvec and vstvec --- */

#define STVEC_MODE          RV_U64(3)
#define STVEC_MODE_DIRECT   RV_U64(0)
#define STVEC_MODE_VECTORED RV_U64(1)
#define STVEC_BASE          (~RV_U64(3))

/* --- scause and vscause --- */

#define SCAUSE_INTERRUPT RV_BIT(63)
#define SCAUSE_CODE      (~RV_BIT(63))

/* Exceptions. Ecall from S is HS without H, or VS as the guest itself sees it. */
#define CAUSE_INSN_MISALIGNED        0
#define CAUSE_INSN_ACCESS            1
#define CAUSE_ILLEGAL_INSN           2
#define CAUSE_BREAKPOINT             3
#define CAUSE_LOAD_MISALIGNED        4
#define CAUSE_LOAD_ACCESS            5
#define CAUSE_STORE_MISALIGNED       6 /* store or AMO */
#define CAUSE_STORE_ACCESS           7 /* store or AMO */
#define CAUSE_ECALL_U                8 /* from U or VU */
#define CAUSE_ECALL_S                9 /* from HS */
#define CAUSE_ECALL_VS               10
#define CAUSE_ECALL_M                11
#define CAUSE_INSN_PAGE_FAULT        12
#define CAUSE_LOAD_PAGE_FAULT        13
#define CAUSE_STORE_PAGE_FAULT       15
#define CAUSE_DOUBLE_TRAP            16 /* Ssdbltrp; never delegated */
#define CAUSE_SOFTWARE_CHECK         18 /* Zicfilp, Zicfiss */
#define CAUSE_HARDWARE_ERROR         19
#define CAUSE_INSN_GUEST_PAGE_FAULT  20
#define CAUSE_LOAD_GUEST_PAGE_FAULT  21
#define CAUSE_VIRTUAL_INSN           22
#define CAUSE_STORE_GUEST_PAGE_FAULT 23

/* Interrupts: bit numbers of sie, sip, hie, hip, hvip, hideleg, hvien; codes of scause. */
#define IRQ_SSI      1
#define IRQ_VSSI     2
#define IRQ_MSI      3
#define IRQ_STI      5
#define IRQ_VSTI     6
#define IRQ_MTI      7
#define IRQ_SEI      9
#define IRQ_VSEI     10
#define IRQ_MEI      11
#define IRQ_SGEI     12
#define IRQ_LCOFI    13 /* Sscofpmf */
#define IRQ_RAS_LOW  35 /* [AIA "Major interrupts"] */
#define IRQ_RAS_HIGH 43

/* --- sie, sip, vsie, vsip: the bits as that level numbers them --- */

#define SIP_SSIP   RV_BIT(1)
#define SIP_STIP   RV_BIT(5)
#define SIP_SEIP   RV_BIT(9)
#define SIP_LCOFIP RV_BIT(13)
#define SIE_SSIE   RV_BIT(1)
#define SIE_STIE   RV_BIT(5)
#define SIE_SEIE   RV_BIT(9)
#define SIE_LCOFIE RV_BIT(13)

/* --- hie, hip, hvip, hideleg --- */

#define HVIP_VSSIP    RV_BIT(2)
#define HVIP_VSTIP    RV_BIT(6)
#define HVIP_VSEIP    RV_BIT(10)
#define HVIP_LCOFIP   RV_BIT(13) /* Shlcofideleg, or hvien */
#define HIP_VSSIP     RV_BIT(2)
#define HIP_VSTIP     RV_BIT(6)
#define HIP_VSEIP     RV_BIT(10)
#define HIP_SGEIP     RV_BIT(12)
#define HIE_VSSIE     RV_BIT(2)
#define HIE_VSTIE     RV_BIT(6)
#define HIE_VSEIE     RV_BIT(10)
#define HIE_SGEIE     RV_BIT(12)
#define HIDELEG_VSSI  RV_BIT(2)
#define HIDELEG_VSTI  RV_BIT(6)
#define HIDELEG_VSEI  RV_BIT(10)
#define HIDELEG_LCOFI RV_BIT(13)
#define HIDELEG_MASK  RV_U64(0x444)

/* --- hstatus [Priv, H "Hypervisor Status Register"] --- */

#define HSTATUS_VSBE        RV_BIT(5)
#define HSTATUS_GVA         RV_BIT(6)
#define HSTATUS_SPV         RV_BIT(7)
#define HSTATUS_SPVP        RV_BIT(8)
#define HSTATUS_HU          RV_BIT(9)
#define HSTATUS_VGEIN_SHIFT 12
#define HSTATUS_VGEIN       RV_U64(0x3f000)
#define HSTATUS_VTVM        RV_BIT(20)
#define HSTATUS_VTW         RV_BIT(21)
#define HSTATUS_VTSR        RV_BIT(22)
#define HSTATUS_HUKTE       RV_BIT(24) /* Svukte */
#define HSTATUS_VSXL_SHIFT  32
#define HSTATUS_VSXL        RV_U64(0x300000000)
#define HSTATUS_VSXL_64     RV_U64(0x200000000)
#define HSTATUS_HUPMM_SHIFT 48 /* Ssnpm */
#define HSTATUS_HUPMM       RV_U64(0x3000000000000)

/*
 * --- hedeleg [Priv, H "Hypervisor Trap Delegation Registers"] ---
 * Writable bits. Causes 9 to 11, 16 and 20 to 23 are read-only zero and always reach HS (or M).
 */

#define HEDELEG_INSN_MISALIGNED  RV_BIT(0)
#define HEDELEG_INSN_ACCESS      RV_BIT(1)
#define HEDELEG_ILLEGAL_INSN     RV_BIT(2)
#define HEDELEG_BREAKPOINT       RV_BIT(3)
#define HEDELEG_LOAD_MISALIGNED  RV_BIT(4)
#define HEDELEG_LOAD_ACCESS      RV_BIT(5)
#define HEDELEG_STORE_MISALIGNED RV_BIT(6)
#define HEDELEG_STORE_ACCESS     RV_BIT(7)
#define HEDELEG_ECALL_U          RV_BIT(8)
#define HEDELEG_INSN_PAGE_FAULT  RV_BIT(12)
#define HEDELEG_LOAD_PAGE_FAULT  RV_BIT(13)
#define HEDELEG_STORE_PAGE_FAULT RV_BIT(15)
#define HEDELEG_SOFTWARE_CHECK   RV_BIT(18)
#define HEDELEG_HARDWARE_ERROR   RV_BIT(19)

/* --- hgatp and satp --- */

#define HGATP_PPN           RV_U64(0xfffffffffff)
#define HGATP_VMID_SHIFT    44
#define HGATP_VMID          RV_U64(0x3fff00000000000)
#define HGATP_VMID_MAX_BITS 14
#define HGATP_MODE_SHIFT    60
#define HGATP_MODE          RV_U64(0xf000000000000000)
#define HGATP_MODE_BARE     0
#define HGATP_MODE_SV39X4   8
#define HGATP_MODE_SV48X4   9
#define HGATP_MODE_SV57X4   10

#define SATP_PPN           RV_U64(0xfffffffffff)
#define SATP_ASID_SHIFT    44
#define SATP_ASID          RV_U64(0xffff00000000000)
#define SATP_ASID_MAX_BITS 16
#define SATP_MODE_SHIFT    60
#define SATP_MODE          RV_U64(0xf000000000000000)
#define SATP_MODE_BARE     0
#define SATP_MODE_SV39     8
#define SATP_MODE_SV48     9
#define SATP_MODE_SV57     10

/* --- henvcfg and senvcfg --- */

#define ENVCFG_FIOM         RV_BIT(0)
#define ENVCFG_LPE          RV_BIT(2) /* Zicfilp */
#define ENVCFG_SSE          RV_BIT(3) /* Zicfiss */
#define ENVCFG_CBIE_SHIFT   4
#define ENVCFG_CBIE         RV_U64(0x30)
#define ENVCFG_CBIE_ILLEGAL RV_U64(0x00)
#define ENVCFG_CBIE_FLUSH   RV_U64(0x10)
#define ENVCFG_CBIE_INVAL   RV_U64(0x30)
#define ENVCFG_CBCFE        RV_BIT(6)
#define ENVCFG_CBZE         RV_BIT(7)
#define ENVCFG_PMM_SHIFT    32 /* Ssnpm */
#define ENVCFG_PMM          RV_U64(0x300000000)
#define ENVCFG_PMM_OFF      RV_U64(0x000000000)
#define ENVCFG_PMM_PMLEN7   RV_U64(0x200000000)
#define ENVCFG_PMM_PMLEN16  RV_U64(0x300000000)

#define SENVCFG_FIOM  ENVCFG_FIOM
#define SENVCFG_LPE   ENVCFG_LPE
#define SENVCFG_SSE   ENVCFG_SSE
#define SENVCFG_CBIE  ENVCFG_CBIE
#define SENVCFG_CBCFE ENVCFG_CBCFE
#define SENVCFG_CBZE  ENVCFG_CBZE
#define SENVCFG_UKTE  RV_BIT(8)
#define SENVCFG_PMM   ENVCFG_PMM

#define HENVCFG_FIOM       ENVCFG_FIOM
#define HENVCFG_LPE        ENVCFG_LPE
#define HENVCFG_SSE        ENVCFG_SSE
#define HENVCFG_CBIE       ENVCFG_CBIE
#define HENVCFG_CBIE_FLUSH ENVCFG_CBIE_FLUSH
#define HENVCFG_CBIE_INVAL ENVCFG_CBIE_INVAL
#define HENVCFG_CBCFE      ENVCFG_CBCFE
#define HENVCFG_CBZE       ENVCFG_CBZE
#define HENVCFG_PMM        ENVCFG_PMM
#define HENVCFG_DTE        RV_BIT(59) /* Ssdbltrp */
#define HENVCFG_ADUE       RV_BIT(61) /* Svadu */
#define HENVCFG_PBMTE      RV_BIT(62) /* Svpbmt */
#define HENVCFG_STCE       RV_BIT(63) /* Sstc */

/* --- hcounteren and scounteren --- */

#define COUNTEREN_CY   RV_BIT(0)
#define COUNTEREN_TM   RV_BIT(1)
#define COUNTEREN_IR   RV_BIT(2)
#define COUNTEREN_HPM3 RV_BIT(3) /* to HPM31, bit 31 */
#define HCOUNTEREN_CY  COUNTEREN_CY
#define HCOUNTEREN_TM  COUNTEREN_TM
#define HCOUNTEREN_IR  COUNTEREN_IR
#define SCOUNTEREN_CY  COUNTEREN_CY
#define SCOUNTEREN_TM  COUNTEREN_TM
#define SCOUNTEREN_IR  COUNTEREN_IR

/* --- hstateen0 and sstateen0 [Priv, "Smstateen/Ssstateen"] --- */

#define STATEEN0_C        RV_BIT(0) /* custom state */
#define STATEEN0_FCSR     RV_BIT(1) /* Zfinx only */
#define STATEEN0_JVT      RV_BIT(2) /* Zcmt */
#define SSTATEEN0_C       STATEEN0_C
#define SSTATEEN0_FCSR    STATEEN0_FCSR
#define SSTATEEN0_JVT     STATEEN0_JVT
#define HSTATEEN0_C       STATEEN0_C
#define HSTATEEN0_FCSR    STATEEN0_FCSR
#define HSTATEEN0_JVT     STATEEN0_JVT
#define HSTATEEN0_CTR     RV_BIT(54) /* sctr* */
#define HSTATEEN0_CONTEXT RV_BIT(57) /* scontext */
#define HSTATEEN0_IMSIC   RV_BIT(58) /* guest IMSIC state: stopei and the EI selectors */
#define HSTATEEN0_AIA     RV_BIT(59) /* AIA state not under IMSIC or CSRIND: stopi */
#define HSTATEEN0_CSRIND  RV_BIT(60) /* siselect, sireg* */
#define HSTATEEN0_ENVCFG  RV_BIT(62) /* senvcfg */
#define HSTATEEN0_SE0     RV_BIT(63) /* sstateen0 */

/* --- hvictl [AIA "Hypervisor CSRs", 6.3.3] --- */

#define HVICTL_IPRIO_SHIFT 0
#define HVICTL_IPRIO       RV_U64(0xff)
#define HVICTL_IPRIOM      RV_BIT(8)
#define HVICTL_DPR         RV_BIT(9)
#define HVICTL_IID_SHIFT   16
#define HVICTL_IID         RV_U64(0xfff0000)
#define HVICTL_VTI         RV_BIT(30)

/*
 * --- hviprio1, hviprio2 [AIA 6.3.3] ---
 * One priority byte each, for these major interrupts of VS level; 0 means the default order.
 */

#define HVIPRIO1_SSI_SHIFT   8  /* 1 */
#define HVIPRIO1_STI_SHIFT   24 /* 5 */
#define HVIPRIO1_LCOFI_SHIFT 40 /* 13 */
#define HVIPRIO1_IRQ14_SHIFT 48
#define HVIPRIO1_IRQ15_SHIFT 56
#define HVIPRIO2_IRQ16_SHIFT 0 /* to 23 at bit 56 */

/* --- stopei, vstopei, stopi, vstopi [AIA 3.9, 5.4.3] --- */

#define STOPEI_PRIO     RV_U64(0x7ff)
#define STOPEI_ID_SHIFT 16
#define STOPEI_ID       RV_U64(0x7ff0000)
#define STOPI_IPRIO     RV_U64(0xff)
#define STOPI_IID_SHIFT 16
#define STOPI_IID       RV_U64(0xfff0000)

/*
 * --- Selectors for siselect and vsiselect ---
 * Under RV64 an odd eip, eie or iprio number does not exist: each even one holds 64 bits.
 */

#define ISELECT_IPRIO0      0x30 /* to iprio15, 0x3f */
#define ISELECT_IPRIO15     0x3f
#define ISELECT_CTR0        0x200 /* [Priv, "Smctr/Ssctr"] */
#define ISELECT_EIDELIVERY  0x70
#define ISELECT_EITHRESHOLD 0x72
#define ISELECT_EIP0        0x80 /* to eip63, 0xbf */
#define ISELECT_EIP63       0xbf
#define ISELECT_EIE0        0xc0 /* to eie63, 0xff */
#define ISELECT_EIE63       0xff

#define EIDELIVERY_OFF RV_U64(0)
#define EIDELIVERY_ON  RV_U64(1)
#define EIDELIVERY_EXT RV_U64(0x40000000) /* from the PLIC or APLIC */

/*
 * --- htinst pseudoinstructions [Priv, H "Transformed Instruction or Pseudoinstruction"] ---
 * Guest-page fault of an implicit access for VS-stage address translation.
 */

#define HTINST_PSEUDO_READ32  0x2000
#define HTINST_PSEUDO_WRITE32 0x2020
#define HTINST_PSEUDO_READ64  0x3000
#define HTINST_PSEUDO_WRITE64 0x3020

#endif
