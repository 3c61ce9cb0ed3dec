// SPDX-License-Identifier: GPL-2.0
/*
 * "Guest debugging": datagrams between a kernel's debugger, over UDP, and the
 * guest, by either of two ways. By MSRs, with a page for each direction, and
 * they are bare. By the specification's calls, and the guest is then made to
 * believe that it has a network: each lies in a frame.
 *
 * A thread waits for what comes, keeps one datagram for the guest, and sets the
 * first byte of the guest's pending page; the others wait in the socket, which
 * drops what is too much. The byte is cleared when none is left.
 *
 * The pages are no overlays but the guest's own memory, and may lie under one.
 * What is lost on the way either side sends again. The guest gets an answer from
 * the debugger only: it has to do without DHCP and ARP, and knows how to. What
 * its options say of frames is ignored, as what guests say differs.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"
#include "gim/hyperv.h"
#include "gim/hyperv_frame.h"
#include "gim/udp.h"

#define PURGE_MAX	1024		/* datagrams that are forgotten at once */

#define MSRS		(HV_MSR_SYNDBG_PENDING - HV_MSR_SYNDBG_CONTROL + 1)

struct hyperv_debug {
	struct pgm *pgm;
	struct gim_udp udp;
	int wake;			/* eventfd: the thread has something to do */
	bool started;
	pthread_t thread;

	pthread_mutex_t lock;		/* a leaf; guards what follows */
	pthread_cond_t came;		/* a datagram */
	bool stop;
	u64 msr[MSRS];
	struct hyperv_flow flow;	/* of the guest's frames */
	u32 size;			/* of the datagram that waits for the guest; 0: none */
	u8 data[HV_PAGE_SIZE];
};

static u64 *debug_msr(struct hyperv_debug *debug, u32 index)
{
	return &debug->msr[index - HV_MSR_SYNDBG_CONTROL];
}

/* ---- what comes; the lock is held ------------------------------------------------------ */

static void debug_tell_pending(struct hyperv_debug *debug)
{
	u64 page = *debug_msr(debug, HV_MSR_SYNDBG_PENDING);
	u8 *pending = page ? pgm_host(debug->pgm, page, 1, false) : NULL;

	if (pending)
		__atomic_store_n(pending, debug->size != 0, __ATOMIC_RELEASE);
}

static void debug_fill(struct hyperv_debug *debug)
{
	debug->size = gim_udp_receive(&debug->udp, debug->data, sizeof(debug->data));
	if (!debug->size)
		return;
	debug_tell_pending(debug);
	pthread_cond_broadcast(&debug->came);
}

static void debug_wake(struct hyperv_debug *debug)
{
	eventfd_write(debug->wake, 1);
}

/* The guest has the datagram, or nobody wants it: the next. */
static void debug_next(struct hyperv_debug *debug)
{
	debug_fill(debug);
	if (debug->size)
		return;
	debug_tell_pending(debug);
	debug_wake(debug);
}

static void debug_purge(struct hyperv_debug *debug)
{
	for (int i = 0; i < PURGE_MAX; i++)
		if (!gim_udp_receive(&debug->udp, debug->data, sizeof(debug->data)))
			break;
	debug_next(debug);
}

/* ---- the thread ------------------------------------------------------------------------ */

/* Until there is something to do, or, with @room, something to receive. */
static void debug_wait(struct hyperv_debug *debug, bool room)
{
	struct pollfd fds[] = { { debug->wake, POLLIN, 0 }, { debug->udp.fd, POLLIN, 0 } };
	eventfd_t count;

	poll(fds, room ? 2 : 1, -1);
	if (fds[0].revents)
		eventfd_read(debug->wake, &count);
}

static void *debug_thread(void *arg)
{
	struct hyperv_debug *debug = arg;

	pthread_mutex_lock(&debug->lock);
	while (!debug->stop) {
		bool room = !debug->size;

		pthread_mutex_unlock(&debug->lock);
		debug_wait(debug, room);
		pthread_mutex_lock(&debug->lock);
		if (!debug->size)
			debug_fill(debug);
	}
	pthread_mutex_unlock(&debug->lock);
	return NULL;
}

/* ---- the MSRs -------------------------------------------------------------------------- */

int hyperv_debug_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	struct hyperv_debug *debug = vp->hv->debug;

	pthread_mutex_lock(&debug->lock);
	*value = *debug_msr(debug, index);
	pthread_mutex_unlock(&debug->lock);
	return 0;
}

/* A page of RAM, or 0 for none. */
int hyperv_debug_page_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	struct hyperv_debug *debug = vp->hv->debug;

	if (!IS_ALIGNED(value, HV_PAGE_SIZE) ||
	    (value && !pgm_host(debug->pgm, value, HV_PAGE_SIZE, false)))
		return -EINVAL;
	pthread_mutex_lock(&debug->lock);
	*debug_msr(debug, index) = value;
	debug_tell_pending(debug);
	pthread_mutex_unlock(&debug->lock);
	return 0;
}

/* The status. */
static u64 debug_send_page(struct hyperv_debug *debug, u32 size)
{
	u64 page = *debug_msr(debug, HV_MSR_SYNDBG_SEND);
	u8 data[HV_PAGE_SIZE];

	if (!size || size > sizeof(data) || !page || pgm_read(debug->pgm, page, data, size))
		return 0;
	return gim_udp_send(&debug->udp, data, size) ? 0 : HV_SYNDBG_SENT;
}

/* The status. */
static u64 debug_receive_page(struct hyperv_debug *debug)
{
	u64 page = *debug_msr(debug, HV_MSR_SYNDBG_RECEIVE), status;

	if (!debug->size)
		debug_fill(debug);
	if (!debug->size || !page || pgm_write(debug->pgm, page, debug->data, debug->size))
		return 0;
	status = HV_SYNDBG_RECEIVED(debug->size);
	debug_next(debug);
	return status;
}

int hyperv_debug_control_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	struct hyperv_debug *debug = vp->hv->debug;
	u64 both = HV_SYNDBG_SEND | HV_SYNDBG_RECEIVE, *status;

	if ((value & both) == both)
		return -EINVAL;
	pthread_mutex_lock(&debug->lock);
	*debug_msr(debug, index) = value;
	status = debug_msr(debug, HV_MSR_SYNDBG_STATUS);
	if (value & HV_SYNDBG_SEND)
		*status = debug_send_page(debug, HV_SYNDBG_SIZE(value));
	else if (value & HV_SYNDBG_RECEIVE)
		*status = debug_receive_page(debug);
	pthread_mutex_unlock(&debug->lock);
	return 0;
}

int hyperv_debug_options_read(struct hyperv_vp *vp, u32 index, u64 *value)
{
	*value = vp->hv->gim->config.debug.calls ? HV_DEBUG_USE_CALLS : 0;
	return 0;
}

/* There are guests that try. */
int hyperv_debug_options_write(struct hyperv_vp *vp, u32 index, u64 value)
{
	return 0;
}

/* ---- the calls ------------------------------------------------------------------------- */

/* Of what follows a call's header: it is in the same page, and that page is RAM. */
static bool debug_is_placed(struct hyperv_debug *debug, u64 gpa, u32 size)
{
	return (gpa & (HV_PAGE_SIZE - 1)) + size <= HV_PAGE_SIZE &&
	       pgm_host(debug->pgm, gpa, size, false);
}

/* Frames that are not for a debugger go nowhere. */
static int debug_post(struct hyperv_debug *debug, const u8 *frame, u32 size)
{
	u32 carries;
	const u8 *data;

	pthread_mutex_lock(&debug->lock);
	data = hyperv_frame_open(frame, size, &debug->flow, &carries);
	pthread_mutex_unlock(&debug->lock);
	return data ? gim_udp_send(&debug->udp, data, carries) : 0;
}

/* "HvPostDebugData" */
u16 hyperv_debug_post(struct hyperv_vp *vp, const struct hyperv_call *call)
{
	struct hyperv_debug *debug = vp->hv->debug;
	u8 frame[HV_DEBUG_DATA_MAX];
	struct hv_post_debug_in in;
	u32 left;

	if (pgm_read(debug->pgm, call->in, &in, sizeof(in)))
		return HV_STATUS_INVALID_ALIGNMENT;
	if (in.count > HV_DEBUG_DATA_MAX)
		return HV_STATUS_INVALID_PARAMETER;
	if (!debug_is_placed(debug, call->in, sizeof(in) + in.count) ||
	    !debug_is_placed(debug, call->out, sizeof(left)) ||
	    pgm_read(debug->pgm, call->in + sizeof(in), frame, in.count))
		return HV_STATUS_INVALID_ALIGNMENT;
	left = debug_post(debug, frame, in.count) ? in.count : 0;
	pgm_write(debug->pgm, call->out, &left, sizeof(left));
	return left ? HV_STATUS_INSUFFICIENT_BUFFERS : HV_STATUS_SUCCESS;
}

/* The lock is held, but not meanwhile. The thread is at work. */
static void debug_wait_data(struct hyperv_debug *debug, u64 timeout)
{
	u64 ns = min(timeout, (u64)HV_DEBUG_TIMEOUT_MAX) * 100;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	ns += until.tv_nsec;
	until.tv_sec += ns / 1000000000;
	until.tv_nsec = ns % 1000000000;
	while (!debug->size && !pthread_cond_clockwait(&debug->came, &debug->lock, CLOCK_MONOTONIC,
						       &until))
		;
}

/* The size of the frame, 0: there is none. One that has no room is lost. */
static u32 debug_retrieve(struct hyperv_debug *debug, const struct hv_retrieve_debug_in *in,
			  u8 *frame)
{
	u32 size = 0;

	pthread_mutex_lock(&debug->lock);
	if (!debug->size)
		debug_fill(debug);
	if (!debug->size && (in->options & HV_RETRIEVE_LOOP))
		debug_wait_data(debug, in->timeout);
	if (debug->size) {
		if (debug->size + HYPERV_FRAME_HEADERS <= in->count) {
			size = debug->size + HYPERV_FRAME_HEADERS;
			hyperv_frame_build(frame, &debug->flow, debug->data, debug->size);
		}
		debug_next(debug);
	}
	pthread_mutex_unlock(&debug->lock);
	return size;
}

/* "HvRetrieveDebugData" */
u16 hyperv_debug_retrieve(struct hyperv_vp *vp, const struct hyperv_call *call)
{
	struct hyperv_debug *debug = vp->hv->debug;
	u8 frame[HV_DEBUG_DATA_MAX];
	struct hv_retrieve_debug_out out = { 0 };
	struct hv_retrieve_debug_in in;
	bool wants;

	if (pgm_read(debug->pgm, call->in, &in, sizeof(in)))
		return HV_STATUS_INVALID_ALIGNMENT;
	if (in.count > HV_DEBUG_DATA_MAX)
		return HV_STATUS_INVALID_PARAMETER;
	if (!debug_is_placed(debug, call->out, sizeof(out) + in.count))
		return HV_STATUS_INVALID_ALIGNMENT;
	wants = in.count && !(in.options & HV_RETRIEVE_TEST);
	if (wants)
		out.count = debug_retrieve(debug, &in, frame);
	out.remaining = in.count - out.count;
	pgm_write(debug->pgm, call->out, &out, sizeof(out));
	pgm_write(debug->pgm, call->out + sizeof(out), frame, out.count);
	return wants && !out.count ? HV_STATUS_NO_DATA : HV_STATUS_SUCCESS;
}

/* Who the guest and the debugger are, before the guest says it. */
static u16 debug_tell_config(struct hyperv_debug *debug, const struct hyperv_call *call)
{
	const struct hv_debug_config out = {
		.host_ip = debug->udp.ip, .target_ip = debug->udp.ip,
		.host_port = debug->udp.port, .target_port = debug->udp.port,
	};
	const struct hyperv_form form = { .in = sizeof(u32), .out = sizeof(out) };
	u16 status = hyperv_call_check(call, &form);

	if (!status && pgm_write(debug->pgm, call->out, &out, sizeof(out)))
		status = HV_STATUS_INVALID_ALIGNMENT;
	return status;
}

/* "HvResetDebugSession". What has been sent is gone. */
u16 hyperv_debug_reset_session(struct hyperv_vp *vp, const struct hyperv_call *call)
{
	struct hyperv_debug *debug = vp->hv->debug;
	u16 status = HV_STATUS_SUCCESS;
	u32 options = call->in;

	if (!call->fast && pgm_read(debug->pgm, call->in, &options, sizeof(options)))
		return HV_STATUS_INVALID_ALIGNMENT;
	if (!options)
		return HV_STATUS_INVALID_PARAMETER;
	if (options & HV_RESET_CONFIG)
		status = debug_tell_config(debug, call);
	if (!status && (options & HV_RESET_INCOMING)) {
		pthread_mutex_lock(&debug->lock);
		debug_purge(debug);
		pthread_mutex_unlock(&debug->lock);
	}
	return status;
}

/* ---- its life -------------------------------------------------------------------------- */

/* As debug_tell_config() says. */
static void debug_flow_init(struct hyperv_debug *debug)
{
	struct hyperv_end end = { .ip = debug->udp.ip, .port = debug->udp.port };

	debug->flow = (struct hyperv_flow){ .guest = end, .peer = end };
}

static int debug_start(struct hyperv_debug *debug, struct error *err)
{
	int ret = thread_start(&debug->thread, "debug", debug_thread, debug);

	if (ret)
		return error_errno(err, -ret, "gim.debug: a thread");
	debug->started = true;
	return 0;
}

int hyperv_debug_create(struct hyperv *hv, struct error *err)
{
	const struct gim_debug *config = &hv->gim->config.debug;
	struct hyperv_debug *debug = calloc(1, sizeof(*debug));
	int ret;

	if (!debug)
		return error_errno(err, ENOMEM, "gim.debug");
	hv->debug = debug;
	debug->pgm = hv->gim->config.pgm;
	debug->wake = debug->udp.fd = -1;
	pthread_mutex_init(&debug->lock, NULL);
	pthread_cond_init(&debug->came, NULL);
	ret = gim_udp_open(&debug->udp, config->address, config->port, err);
	if (ret) {
		error_prefix(err, "gim.debug.address: ");
		return ret;
	}
	debug_flow_init(debug);
	debug->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (debug->wake < 0)
		return error_errno(err, errno, "gim.debug: an eventfd");
	return debug_start(debug, err);
}

void hyperv_debug_reset(struct hyperv_debug *debug)
{
	if (!debug)
		return;
	pthread_mutex_lock(&debug->lock);
	memset(debug->msr, 0, sizeof(debug->msr));
	debug_flow_init(debug);
	debug_purge(debug);
	pthread_mutex_unlock(&debug->lock);
}

void hyperv_debug_destroy(struct hyperv_debug *debug)
{
	if (!debug)
		return;
	if (debug->started) {
		pthread_mutex_lock(&debug->lock);
		debug->stop = true;
		pthread_mutex_unlock(&debug->lock);
		debug_wake(debug);
		pthread_join(debug->thread, NULL);
	}
	gim_udp_close(&debug->udp);
	if (debug->wake >= 0)
		close(debug->wake);
	pthread_cond_destroy(&debug->came);
	pthread_mutex_destroy(&debug->lock);
	free(debug);
}
