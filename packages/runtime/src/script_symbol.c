// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Addresses of the symbols that a script names, for variables outside functions. They are looked up when the script is
 * loaded. A module's are looked up again whenever that module comes, and forgotten when it goes: a read of a variable
 * whose module is not loaded is the script's error.
 */
#include <linux/module.h>
#include <linux/percpu.h>

#include "context.h"
#include "symbol.h"

static void look_up(struct stapkit_script_symbol *symbol)
{
	char name[KSYM_NAME_LEN + MODULE_NAME_LEN + 1];
	u64 address;

	if (symbol->module)
		scnprintf(name, sizeof(name), "%s:%s", symbol->module, symbol->name);
	else
		strscpy(name, symbol->name, sizeof(name));
	address = stapkit_symbol_address(name);
	symbol->address = address;
	/* Per-CPU variables count from 0 on x86-64, so this one may well be there. */
	WRITE_ONCE(symbol->known, address != 0 || strcmp(name, "__per_cpu_start") == 0);
}

#ifdef CONFIG_MODULES
static int module_event(struct notifier_block *block, unsigned long event, void *data)
{
	const struct module *mod = data;
	u32 i;

	if (event != MODULE_STATE_COMING && event != MODULE_STATE_GOING)
		return NOTIFY_DONE;
	for (i = 0; i < stapkit_script_symbol_count; i++) {
		struct stapkit_script_symbol *symbol = &stapkit_script_symbols[i];

		if (!symbol->module || strcmp(symbol->module, mod->name) != 0)
			continue;
		if (event == MODULE_STATE_COMING)
			look_up(symbol);
		else
			WRITE_ONCE(symbol->known, false);
	}
	return NOTIFY_DONE;
}

static struct notifier_block module_block = { .notifier_call = module_event };
#endif

int stapkit_script_symbols_start(void)
{
	u32 i;

#ifdef CONFIG_MODULES
	int err = register_module_notifier(&module_block);

	if (err)
		return err;
#endif
	for (i = 0; i < stapkit_script_symbol_count; i++)
		look_up(&stapkit_script_symbols[i]);
	return 0;
}

void stapkit_script_symbols_stop(void)
{
#ifdef CONFIG_MODULES
	unregister_module_notifier(&module_block);
#endif
}

s64 stapkit_script_symbol_address(struct stapkit_context *c, u32 index)
{
	const struct stapkit_script_symbol *symbol = &stapkit_script_symbols[index];

	if (likely(READ_ONCE(symbol->known)))
		return symbol->address;
	if (symbol->module)
		stapkit_error(c, "symbol '%s' of module '%s' is not known: is the module loaded?", symbol->name, symbol->module);
	else
		stapkit_error(c, "symbol '%s' is not known to the kernel", symbol->name);
	return 0;
}

s64 stapkit_per_cpu_base(void)
{
#ifdef CONFIG_SMP
	return __my_cpu_offset;
#else
	return 0;
#endif
}
