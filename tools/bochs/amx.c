// SPDX-License-Identifier: MIT OR GPL-2.0
// A module for Linux under Bochs 3.0, which computes with AMX's tiles but lacks the fault (XFD) by which Linux gives them only to
// those who asked. Without it Linux turns the tiles off and refuses. This turns them on for all, and those who ask are told yes.
// Linux does not save them then: one thread of the whole machine may use them.
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/prctl.h>
#include <linux/kprobes.h>
#include <linux/module.h>

// Whether to leave the call alone.
static int other(struct kretprobe_instance *call, struct pt_regs *regs)
{
	return regs->di != ARCH_REQ_XCOMP_PERM || regs->si != XFEATURE_XTILE_DATA;
}

static int agree(struct kretprobe_instance *call, struct pt_regs *regs)
{
	regs->ax = 0;
	return 0;
}

static struct kretprobe requests = {
	.kp.symbol_name = "fpu_xstate_prctl",
	.entry_handler = other,
	.handler = agree,
	.data_size = 0,
};

static int __init start(void)
{
	xsetbv(XCR_XFEATURE_ENABLED_MASK, xgetbv(XCR_XFEATURE_ENABLED_MASK) | XFEATURE_MASK_XTILE);
	return register_kretprobe(&requests);
}

module_init(start);
MODULE_DESCRIPTION("AMX's tiles for tests under Bochs");
MODULE_LICENSE("Dual MIT/GPL");
