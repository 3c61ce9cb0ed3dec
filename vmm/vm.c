// SPDX-License-Identifier: GPL-2.0
/*
 * How a VM runs and how it ends.
 *
 * The main thread waits: for signals (all other threads block them), for what
 * vCPUs and devices take note of under vm->lock, and for time to pass. Only it
 * pauses, resets and resumes the machine, so none of that needs a lock.
 *
 * A panic has two signs. The console line only arms it: a reset, all CPUs
 * halted or silence on the console confirm it, an orderly power-off does not.
 * pvpanic is certain, but its writer may have more to say, so it too waits for
 * a short silence.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "vmm/dump.h"
#include "vmm/vm_internal.h"

#define NSEC_PER_MSEC		1000000ULL
#define PANIC_LINE_SILENCE	(5 * NSEC_PER_SEC)
#define PANIC_DEVICE_SILENCE	(200 * NSEC_PER_MSEC)
#define PANIC_LOOK		(50 * NSEC_PER_MSEC)
#define DEAD_LOOK		(20 * NSEC_PER_MSEC)

/* Ends the guest with 128 + N; QUIT shows the CPUs, and the guest goes on. */
static const int vm_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGQUIT };

static u64 vm_host_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* ---- notes of other threads ---------------------------------------------------------- */

static void vm_wake(struct vm *vm)
{
	u64 one = 1;
	ssize_t done = write(vm->wake, &one, sizeof(one));

	(void)done;	/* a full counter wakes as well */
}

void vm_end(struct vm *vm, enum vm_end end, u64 arg)
{
	bool first;

	pthread_mutex_lock(&vm->lock);
	first = vm->end == VM_ALIVE;
	if (first) {
		vm->end = end;
		vm->end_arg = arg;
	}
	pthread_mutex_unlock(&vm->lock);
	if (!first)
		return;
	em_pause_request(vm->em);
	vm_wake(vm);
}

static void vm_note(struct vm *vm, bool *what)
{
	pthread_mutex_lock(&vm->lock);
	*what = true;
	pthread_mutex_unlock(&vm->lock);
	vm_wake(vm);
}

static void vm_toggle(struct vm *vm, bool *what)
{
	pthread_mutex_lock(&vm->lock);
	*what = !*what;
	pthread_mutex_unlock(&vm->lock);
	vm_wake(vm);
}

static void vm_request(void *ctx, enum pdm_request request, u64 arg)
{
	struct vm *vm = ctx;

	switch (request) {
	case PDM_POWEROFF:
		vm_end(vm, VM_POWEROFF, 0);
		break;
	case PDM_RESET:
		vm_end(vm, VM_RESET, 0);
		break;
	case PDM_EXIT:
		vm_end(vm, VM_EXIT, arg);
		break;
	case PDM_PANIC:
		vm_note(vm, &vm->panic_device);
		break;
	}
}

static void vm_key(void *ctx, enum pdm_key key)
{
	struct vm *vm = ctx;

	switch (key) {
	case PDM_KEY_QUIT:
		/* To a raw terminal what Ctrl-C is to others. */
		vm_end(vm, VM_SIGNAL, SIGINT);
		break;
	case PDM_KEY_DUMP:
		vm_note(vm, &vm->dump);
		break;
	case PDM_KEY_PAUSE:
		vm_toggle(vm, &vm->pause_key);
		break;
	}
}

static void vm_panic_line(void *ctx)
{
	struct vm *vm = ctx;

	vm_note(vm, &vm->panic_line);
}

const struct pdm_vm_ops vm_pdm_ops = {
	.request = vm_request,
	.key = vm_key,
	.panic_line = vm_panic_line,
};

static void vm_crashed(void *ctx, struct em_vcpu *vcpu, bool triple_fault)
{
	vm_end(ctx, triple_fault ? VM_TRIPLE_FAULT : VM_CRASH, vcpu->index);
}

static void vm_halted(void *ctx)
{
	struct vm *vm = ctx;

	vm_note(vm, &vm->halted);
}

const struct em_ops vm_em_ops = {
	.crashed = vm_crashed,
	.halted = vm_halted,
};

static void vm_gim_reset(void *ctx)
{
	vm_end(ctx, VM_RESET, 0);
}

static void vm_gim_panic(void *ctx)
{
	struct vm *vm = ctx;

	vm_note(vm, &vm->panic_device);
}

const struct gim_ops vm_gim_ops = {
	.reset = vm_gim_reset,
	.panic = vm_gim_panic,
};

/* ---- the main thread's wait ---------------------------------------------------------- */

/* What the wait looks at, besides what others noted. */
struct vm_watch {
	u64 bytes;		/* on the console, when it changed last */
	u64 quiet_since;
	u64 dead_at;		/* look a second time then; 0: nothing suspected */
};

/* Until when the main thread may sleep, host ns. */
static u64 vm_next_look(struct vm *vm, const struct vm_watch *watch, u64 now)
{
	u64 next = UINT64_MAX;

	if (vm->deadline)
		next = vm->deadline;
	if (watch->dead_at)
		next = min(next, watch->dead_at);
	pthread_mutex_lock(&vm->lock);
	if ((vm->panic_line || vm->panic_device) && !vm->paused)
		next = min(next, now + (u64)PANIC_LOOK);
	pthread_mutex_unlock(&vm->lock);
	return next;
}

static void vm_signal(struct vm *vm)
{
	struct signalfd_siginfo info;

	while (read(vm->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGQUIT)
			vm_note(vm, &vm->dump);
		else
			vm_end(vm, VM_SIGNAL, info.ssi_signo);
	}
}

static void vm_wait(struct vm *vm, const struct vm_watch *watch)
{
	struct pollfd fds[] = {
		{ .fd = vm->wake, .events = POLLIN },
		{ .fd = vm->signals, .events = POLLIN },
	};
	u64 now = vm_host_ns(), next = vm_next_look(vm, watch, now), count;
	struct timespec ts = { 0 };

	if (next > now) {
		ts.tv_sec = (next - now) / NSEC_PER_SEC;
		ts.tv_nsec = (next - now) % NSEC_PER_SEC;
	}
	if (ppoll(fds, ARRAY_SIZE(fds), next == UINT64_MAX ? NULL : &ts, NULL) < 0)
		return;
	if (fds[0].revents && read(vm->wake, &count, sizeof(count)) < 0)
		log_debug("eventfd: %s", strerror(errno));
	if (fds[1].revents)
		vm_signal(vm);
}

/* ---- panics, dead machines, dumps ---------------------------------------------------- */

static void vm_watch_panic(struct vm *vm, struct vm_watch *watch)
{
	u64 bytes = pdm_console_bytes(vm->pdm), now = vm_host_ns(), silence;
	bool line, device;

	pthread_mutex_lock(&vm->lock);
	line = vm->panic_line;
	device = vm->panic_device;
	pthread_mutex_unlock(&vm->lock);
	/* The silence of a guest that is paused says nothing. */
	if (vm->paused)
		watch->quiet_since = 0;
	if ((!line && !device) || vm->paused)
		return;
	if (bytes != watch->bytes || !watch->quiet_since) {
		watch->bytes = bytes;
		watch->quiet_since = now;
	}
	silence = device ? PANIC_DEVICE_SILENCE : PANIC_LINE_SILENCE;
	if (now - watch->quiet_since >= silence)
		vm_end(vm, VM_PANIC, 0);
}

static void vm_resume(struct vm *vm)
{
	tm_resume(vm->tm);
	em_resume(vm->em);
}

static void vm_pause(struct vm *vm)
{
	em_pause(vm->em);
	tm_pause(vm->tm);
}

/* Unless it ended meanwhile, or somebody wants it paused. */
static void vm_go_on(struct vm *vm)
{
	bool alive;

	/* Resuming under the lock: vm_end() asks for the pause after it. */
	pthread_mutex_lock(&vm->lock);
	alive = vm->end == VM_ALIVE;
	if (alive && !vm->paused)
		vm_resume(vm);
	pthread_mutex_unlock(&vm->lock);
}

/*
 * A CPU halted with interrupts off. If all have, look again a moment later: an
 * interrupt between CPUs may have been under way.
 */
static void vm_watch_dead(struct vm *vm, struct vm_watch *watch)
{
	bool halted, dead;

	pthread_mutex_lock(&vm->lock);
	halted = vm->halted;
	vm->halted = false;
	pthread_mutex_unlock(&vm->lock);
	if (!halted && !(watch->dead_at && vm_host_ns() >= watch->dead_at))
		return;
	vm_pause(vm);
	dead = em_all_dead(vm->em);
	if (dead && watch->dead_at && !halted) {
		vm_end(vm, VM_DEAD, 0);
		return;
	}
	watch->dead_at = dead ? vm_host_ns() + DEAD_LOOK : 0;
	vm_go_on(vm);
}

static void vm_watch_dump(struct vm *vm)
{
	bool dump;

	pthread_mutex_lock(&vm->lock);
	dump = vm->dump;
	vm->dump = false;
	pthread_mutex_unlock(&vm->lock);
	if (!dump)
		return;
	vm_pause(vm);
	dump_all(stderr, vm->em, vm->pgm);
	vm_go_on(vm);
}

/* Pausing is invisible to the guest's clocks, but not to the date of its RTC. */
static void vm_watch_pause(struct vm *vm)
{
	bool toggle;

	pthread_mutex_lock(&vm->lock);
	toggle = vm->pause_key;
	vm->pause_key = false;
	pthread_mutex_unlock(&vm->lock);
	if (!toggle)
		return;
	vm->paused = !vm->paused;
	if (vm->paused) {
		vm_pause(vm);
		log_info("paused; Ctrl-A p lets the guest go on");
	} else {
		log_info("the guest goes on");
		vm_go_on(vm);
	}
}

/* ---- running ------------------------------------------------------------------------- */

/* Until it ends; then all is paused. */
static void vm_loop(struct vm *vm)
{
	struct vm_watch watch = { 0 };
	bool alive = true;

	while (alive) {
		vm_wait(vm, &watch);
		vm_watch_pause(vm);
		vm_watch_dump(vm);
		vm_watch_dead(vm, &watch);
		vm_watch_panic(vm, &watch);
		if (vm->deadline && vm_host_ns() >= vm->deadline)
			vm_end(vm, VM_TIMEOUT, 0);
		pthread_mutex_lock(&vm->lock);
		alive = vm->end == VM_ALIVE;
		pthread_mutex_unlock(&vm->lock);
	}
	vm_pause(vm);
}

/* A reset that is not the end: everything as after power-up, kernel included. */
static int vm_restart(struct vm *vm, struct error *err)
{
	int ret;

	tm_reset(vm->tm);
	ret = em_reset(vm->em, err);
	if (ret)
		return ret;
	gim_reset(vm->gim);
	pdm_reset(vm->pdm);
	pgm_reset(vm->pgm);
	ret = vm_load(vm, err);
	if (ret)
		return ret;
	pthread_mutex_lock(&vm->lock);
	vm->end = VM_ALIVE;
	vm->panic_line = vm->panic_device = vm->halted = false;
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

static bool vm_restarts(struct vm *vm)
{
	return vm->end == VM_RESET && !vm->panic_line && !vm->panic_device &&
	       !strcmp(cfgm_string(vm->config, "on_reboot"), "reset");
}

/* ---- the end ------------------------------------------------------------------------- */

static int vm_status_exit(struct vm *vm)
{
	if (vm->end_arg > 99)
		log_info("the guest's own status was %llu", (unsigned long long)vm->end_arg);
	return min(vm->end_arg, 99ULL);
}

static int vm_status_crash(struct vm *vm)
{
	struct em_vcpu *vcpu = em_vcpu(vm->em, vm->end_arg);

	log_error("the guest crashed: CPU %u: %s", vcpu->index, vcpu->crash);
	dump_vcpu(stderr, vcpu, vm->pgm);
	return 121;
}

static int vm_status_dead(struct vm *vm)
{
	log_error("the guest crashed: %s with interrupts off, and nothing can wake %s",
		  em_vcpu_count(vm->em) > 1 ? "all CPUs have halted" : "its CPU has halted",
		  em_vcpu_count(vm->em) > 1 ? "them" : "it");
	dump_all(stderr, vm->em, vm->pgm);
	return 121;
}

static int vm_status_timeout(struct vm *vm)
{
	struct hm_vcpu *bsp = hm_vcpu(vm->hm_vm, 0);
	char line[256];

	pdm_console_last(vm->pdm, line, sizeof(line));
	for (u32 i = 0; i < hm_vcpu_count(vm->hm_vm); i++) {
		bsp = hm_vcpu(vm->hm_vm, i);
		if (hm_vcpu_fetch(bsp, VMM_GROUP_GPRS & ~bsp->page->dirty) >= 0)
			log_error("timeout after %lld s: CPU %u was at RIP 0x%llx",
				  (long long)cfgm_int(vm->config, "timeout"), i,
				  (unsigned long long)bsp->page->gprs.rip);
	}
	log_error("last console line: %s", *line ? line : "(none)");
	return 124;
}

static int vm_status_panic(struct vm *vm)
{
	log_error("the guest's kernel panicked");
	return 120;
}

static int vm_status(struct vm *vm)
{
	bool panic = vm->panic_device || vm->panic_line;

	switch (vm->end) {
	case VM_POWEROFF:
		return vm->panic_device ? vm_status_panic(vm) : 0;
	case VM_EXIT:
		return vm_status_exit(vm);
	case VM_RESET:
		return panic ? vm_status_panic(vm) : 122;
	case VM_PANIC:
		return vm_status_panic(vm);
	case VM_TRIPLE_FAULT:
		return panic ? vm_status_panic(vm) : vm_status_crash(vm);
	case VM_CRASH:
		return vm_status_crash(vm);
	case VM_DEAD:
		return panic ? vm_status_panic(vm) : vm_status_dead(vm);
	case VM_TIMEOUT:
		return vm_status_timeout(vm);
	case VM_SIGNAL:
		return 128 + vm->end_arg;
	case VM_ALIVE:
		break;
	}
	return -EINVAL;
}

/* ---- setting up ---------------------------------------------------------------------- */

static int vm_open_fds(struct vm *vm, sigset_t *old, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	for (unsigned int i = 0; i < ARRAY_SIZE(vm_signals); i++)
		sigaddset(&set, vm_signals[i]);
	/* Blocked before the first thread is made, so that only signalfd has them. */
	pthread_sigmask(SIG_BLOCK, &set, old);
	vm->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vm->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (vm->wake < 0 || vm->signals < 0)
		return error_errno(err, errno, "eventfd, signalfd");
	return 0;
}

static int vm_run_assembled(struct vm *vm, struct error *err)
{
	int ret = 0;

	if (cfgm_has(vm->config, "timeout"))
		vm->deadline = vm_host_ns() + cfgm_int(vm->config, "timeout") * NSEC_PER_SEC;
	for (;;) {
		vm_go_on(vm);
		vm_loop(vm);
		if (!vm_restarts(vm))
			return vm_status(vm);
		ret = vm_restart(vm, err);
		if (ret)
			return ret;
	}
}

int vm_run(const struct cfgm *cfg, const struct vm_opts *opts, struct error *err)
{
	struct vm vm = { .config = cfgm_root(cfg), .opts = opts, .wake = -1, .signals = -1 };
	sigset_t old;
	int ret;

	pthread_mutex_init(&vm.lock, NULL);
	ret = vm_open_fds(&vm, &old, err);
	if (!ret)
		ret = vm_assemble(&vm, err);
	if (!ret)
		ret = vm_run_assembled(&vm, err);
	if (opts->stats && ret >= 0)
		dump_stats(stderr, vm.hm_vm);
	vm_dismantle(&vm);
	if (vm.wake >= 0)
		close(vm.wake);
	if (vm.signals >= 0)
		close(vm.signals);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_mutex_destroy(&vm.lock);
	return ret;
}
