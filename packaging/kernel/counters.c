// SPDX-License-Identifier: GPL-2.0
/*
 * Energy counters of processors that are not there, for packaging/test-kernel: the powercap control
 * type "intel-rapl" with two packages, and below each its memory. Power is steady, so that a test
 * knows what a reader must find: energy_uj is what the 32-bit register of a processor would show,
 * in steps of that register, and begins anew after its last value.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/powercap.h>

#define PACKAGES 2

static uint package_milliwatts = 45000;
module_param(package_milliwatts, uint, 0444);
MODULE_PARM_DESC(package_milliwatts, "power of each package");

static uint dram_milliwatts = 9000;
module_param(dram_milliwatts, uint, 0444);
MODULE_PARM_DESC(dram_milliwatts, "power of each package's memory");

static uint wraps_in;
module_param(wraps_in, uint, 0444);
MODULE_PARM_DESC(wraps_in, "seconds until all counters begin anew; 0: they begin at 0 now");

static bool failing;
module_param(failing, bool, 0644);
MODULE_PARM_DESC(failing, "whether energy_uj cannot be read");

struct counter {
	struct powercap_zone zone;
	u32 step; /* nanojoules */
	u32 milliwatts;
	u64 start; /* nanojoules */
};

static struct powercap_control_type *control_type;
static struct counter packages[PACKAGES], memories[PACKAGES];
static uint registered_packages, registered_memories;
static ktime_t loaded;

static struct counter *counter_of(struct powercap_zone *zone)
{
	return container_of(zone, struct counter, zone);
}

/* Microseconds times milliwatts are nanojoules. */
static int get_energy(struct powercap_zone *zone, u64 *microjoules)
{
	const struct counter *counter = counter_of(zone);
	u64 elapsed = ktime_us_delta(ktime_get_boottime(), loaded);
	u64 energy = counter->start + elapsed * counter->milliwatts;

	if (failing)
		return -EIO;
	*microjoules = div_u64((u64)(u32)div_u64(energy, counter->step) * counter->step, 1000);
	return 0;
}

static int get_range(struct powercap_zone *zone, u64 *microjoules)
{
	*microjoules = div_u64((u64)U32_MAX * counter_of(zone)->step, 1000);
	return 0;
}

static int release(struct powercap_zone *zone)
{
	return 0;
}

static const struct powercap_zone_ops zone_ops = {
	.get_energy_uj = get_energy,
	.get_max_energy_range_uj = get_range,
	.release = release,
};

/* A zone must have a limit. This one cannot be changed. */
static int get_limit(struct powercap_zone *zone, int id, u64 *value)
{
	*value = 150000000;
	return 0;
}

static int set_limit(struct powercap_zone *zone, int id, u64 value)
{
	return -EPERM;
}

static int get_window(struct powercap_zone *zone, int id, u64 *value)
{
	*value = 999424;
	return 0;
}

static const char *get_limit_name(struct powercap_zone *zone, int id)
{
	return "long_term";
}

static const struct powercap_zone_constraint_ops limit_ops = {
	.get_power_limit_uw = get_limit,
	.set_power_limit_uw = set_limit,
	.get_time_window_us = get_window,
	.set_time_window_us = set_limit,
	.get_name = get_limit_name,
};

static int add(struct counter *counter, const char *name, struct counter *parent, u32 step,
	       u32 milliwatts)
{
	u64 whole = (1ULL << 32) * step;

	counter->step = step;
	counter->milliwatts = milliwatts;
	counter->start = wraps_in ? whole - min(whole, (u64)wraps_in * 1000000 * milliwatts) : 0;
	return PTR_ERR_OR_ZERO(powercap_register_zone(&counter->zone, control_type, name,
						      parent ? &parent->zone : NULL, &zone_ops, 1,
						      &limit_ops));
}

static void remove_all(void)
{
	while (registered_memories)
		powercap_unregister_zone(control_type, &memories[--registered_memories].zone);
	while (registered_packages)
		powercap_unregister_zone(control_type, &packages[--registered_packages].zone);
	powercap_unregister_control_type(control_type);
}

static int add_all(void)
{
	char name[16];
	uint i;
	int error;

	for (i = 0; i < PACKAGES; i++) {
		snprintf(name, sizeof(name), "package-%u", i);
		error = add(&packages[i], name, NULL, 61035, package_milliwatts);
		if (error)
			return error;
		registered_packages++;
		error = add(&memories[i], "dram", &packages[i], 15300, dram_milliwatts);
		if (error)
			return error;
		registered_memories++;
	}
	return 0;
}

static int __init counters_init(void)
{
	int error;

	loaded = ktime_get_boottime();
	control_type = powercap_register_control_type(NULL, "intel-rapl", NULL);
	if (IS_ERR(control_type))
		return PTR_ERR(control_type);
	error = add_all();
	if (error)
		remove_all();
	return error;
}

static void __exit counters_exit(void)
{
	remove_all();
}

module_init(counters_init);
module_exit(counters_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Energy counters with steady power, for tests");
