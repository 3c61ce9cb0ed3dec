// SPDX-License-Identifier: GPL-2.0
/*
 * Guest debugging of Microsoft's interface: leaves, MSRs and calls, by the right
 * and by the wrong, with tests/guest/host/debugger at the other end, which does
 * what the first byte of a datagram says. With `absent` on the command line
 * there must be nothing of it; `calls`: the guest is advised to use these.
 */
#include "lib/hyperv.h"
#include "lib/mode.h"
#include "lib/smp.h"

/* --- numbers --------------------------------------------------------------------- */
#define DEBUGGING	BIT(11)		/* leaf 3, EBX */
#define GUEST_DEBUGGING	BIT(1)		/* EDX */
#define DEBUG_MSRS	BIT(11)

#define MSR_CONTROL	0x400000f1
#define MSR_STATUS	0x400000f2
#define MSR_SEND	0x400000f3
#define MSR_RECEIVE	0x400000f4
#define MSR_PENDING	0x400000f5
#define MSR_OPTIONS	0x400000ff

#define SEND(size)	(1UL | (u64)(size) << 16)
#define RECEIVE		2UL
#define SENT		1UL
#define RECEIVED(size)	(4UL | (u64)(size) << 16)
#define USE_CALLS	4UL

#define CALL_POST	0x69
#define CALL_RETRIEVE	0x6a
#define CALL_RESET	0x6b
#define DATA_MAX	4088U

#define LOOP		1U		/* of retrieving */
#define TEST		2U
#define INCOMING	1U		/* of resetting */
#define OUTGOING	2U
#define CONFIG		4U

/* The last eight bytes of the page. */
#define ALIGN_END(a)	((a) | (PAGE_SIZE - 8))

#define PATIENCE_MS	5000		/* with a host that is busy */
#define ALL_CAME_MS	200		/* until what was sent together is there */
#define TALKERS		8		/* CPUs at most */

#define DEBUGGER_IP	0x7f000001U
#define DEBUGGER_PORT	50000U

PAGE_OF(call_page);
PAGE_OF(send_page);
PAGE_OF(receive_page);
PAGE_OF(pending_page);
PAGE_OF(other_page);
static u8 in_pages[TALKERS][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static u8 out_pages[TALKERS][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static const char *absent(void) { return cmdline_get("absent") ? "none is there" : NULL; }
static const char *present(void) { return absent() ? NULL : "it is there"; }
static const char *absent_or_alone(void)
{
	return absent() ? absent() : cpus < 2 ? "it takes two CPUs" : NULL;
}

/* --- helpers ----------------------------------------------------------------------- */
static u64 call(u64 input, u64 in, u64 out)
{
	return call_through(call_page, input, in, out);
}

static void begin(void)
{
	wrmsr(MSR_OS_ID, OS_ID);
	wrmsr(MSR_CALLS, (u64)call_page | ENABLED);
	memset(pending_page, 0, PAGE_SIZE);
	wrmsr(MSR_SEND, (u64)send_page);
	wrmsr(MSR_RECEIVE, (u64)receive_page);
	wrmsr(MSR_PENDING, (u64)pending_page);
	/* What an earlier case has left. */
	expect("reset", call(CALL_RESET | FAST, INCOMING | OUTGOING, 0), SUCCESS);
}

static void end(void)
{
	wrmsr(MSR_SEND, 0);
	wrmsr(MSR_RECEIVE, 0);
	wrmsr(MSR_PENDING, 0);
	wrmsr(MSR_CALLS, 0);
	wrmsr(MSR_OS_ID, 0);
}

/* On Bochs a guest that has interrupts off keeps the host from its own. */
static bool wait_byte(const volatile u8 *byte, u8 value)
{
	for (u64 until = rdtsc() + PATIENCE_MS * tsc_ms; *byte != value; sti_nop_cli())
		if (rdtsc() > until)
			return false;
	return true;
}

static bool wait_pending(void) { return wait_byte(pending_page, 1); }

static void wait_ms(u64 ms)
{
	for (u64 until = rdtsc() + ms * tsc_ms; rdtsc() < until;)
		sti_nop_cli();
}

/* By the clock of the host, however busy it was when ticks were counted. */
static u64 now_ms(void) { return rdmsr(MSR_REF_COUNT) / 10000; }

static u64 control(u64 value)
{
	wrmsr(MSR_CONTROL, value);
	return rdmsr(MSR_STATUS);
}

/* A command with two numbers, and bytes that differ. */
static void command(u8 *data, u32 size, char what, u16 a, u16 b)
{
	for (u32 i = 0; i < size; i++)
		data[i] = i * 7 + (i >> 8);
	data[0] = what;
	memcpy(data + 1, &a, sizeof(a));
	memcpy(data + 3, &b, sizeof(b));
}

static void send(u32 size, char what, u16 a, u16 b)
{
	command(send_page, size < 5 ? 5 : size, what, a, b);
	expect("sent", control(SEND(size)), SENT);
}

/* Sends it, and has it back; nothing else comes. */
static void echo(u32 size)
{
	send(size, 'e', size, ~size);
	if (!expect_true("pending", wait_pending()))
		return;
	memset(receive_page, 0xcc, PAGE_SIZE);
	expect("received", control(RECEIVE), RECEIVED(size));
	expect("alike", memcmp(receive_page, send_page, size), 0);
	if (size < PAGE_SIZE)
		expect("and no more", receive_page[size], 0xcc);
	expect("none left", pending_page[0], 0);
	expect("no second", control(RECEIVE), 0);
}

/* --- leaves and MSRs --------------------------------------------------------------- */
static void no_trace(void)
{
	struct cpuid f = cpuid(LEAF(3), 0);
	u64 value;

	expect("debugging", f.ebx & DEBUGGING, 0);
	expect("MSRs", f.edx & (GUEST_DEBUGGING | DEBUG_MSRS), 0);
	for (u32 i = 0x80; i <= 0x82; i++) {
		struct cpuid c = cpuid(LEAF(i), 0);

		expect("leaf", c.eax | c.ebx | c.ecx | c.edx, 0);
	}
	for (u32 msr = MSR_CONTROL; msr <= MSR_OPTIONS; msr++) {
		expect("read", rdmsr_safe(msr, &value), GP);
		expect("write", wrmsr_safe(msr, 0), GP);
	}
	wrmsr(MSR_OS_ID, 1);
	wrmsr(MSR_CALLS, (u64)call_page | ENABLED);
	for (u64 code = CALL_POST; code <= CALL_RESET; code++) {
		expect("call", call(code, (u64)in_pages, (u64)out_pages), INVALID_CODE);
		expect("fast", call(code | FAST, 1, 0), INVALID_CODE);
		expect("bad", call(code | REPS(1), 1, 1), INVALID_CODE);
	}
	wrmsr(MSR_CALLS, 0);
	wrmsr(MSR_OS_ID, 0);
}

static void leaves(void)
{
	struct cpuid v = cpuid(LEAF(0x80), 0), f = cpuid(LEAF(3), 0), c = cpuid(LEAF(0x83), 0);

	expect("debugging", f.ebx & (DEBUGGING | BIT(12)), DEBUGGING);
	expect("MSRs", f.edx & (GUEST_DEBUGGING | DEBUG_MSRS), GUEST_DEBUGGING | DEBUG_MSRS);
	expect("last leaf of all", cpuid(LEAF(0), 0).eax, LEAF(10));
	expect("last leaf", v.eax, LEAF(0x82));
	expect("Micr", v.ebx, 0x7263694d);
	expect("osof", v.ecx, 0x666f736f);
	expect("t VS", v.edx, 0x53562074);
	expect("VS#1", cpuid(LEAF(0x81), 0).eax, 0x31235356);
	expect("kernels", cpuid(LEAF(0x82), 0).eax, 2);
	expect("none further", c.eax | c.ebx | c.ecx | c.edx, 0);
}

static void msr_values(void)
{
	static const u64 bad[] = {
		NO_RAM, ROM, 0xa0000, RAM_END, 1UL << 63, 0x000ffffffffff000, ~0xfffUL, 1,
		(u64)other_page + 1, (u64)other_page + 8, (u64)other_page + 0x800, 0xfee00000,
	};
	u64 value;

	for (u32 msr = MSR_CONTROL; msr <= MSR_PENDING; msr++)
		expect("at first", rdmsr(msr), 0);
	for (u32 msr = MSR_SEND; msr <= MSR_PENDING; msr++) {
		wrmsr(msr, (u64)other_page);
		expect("reads back", rdmsr(msr), (u64)other_page);
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
			expect("no page", wrmsr_safe(msr, bad[i]), GP);
		expect("stays", rdmsr(msr), (u64)other_page);
		wrmsr(msr, 0);
		expect("none", rdmsr(msr), 0);
	}
	expect("the status is read only", wrmsr_safe(MSR_STATUS, 0), GP);
	expect("both at once", wrmsr_safe(MSR_CONTROL, SEND(5) | RECEIVE), GP);
	expect("nothing done", rdmsr(MSR_CONTROL), 0);
	wrmsr(MSR_CONTROL, 0x50000);
	expect("reads back", rdmsr(MSR_CONTROL), 0x50000);
	wrmsr(MSR_CONTROL, 0);
	expect("advice", rdmsr(MSR_OPTIONS), cmdline_get("calls") ? USE_CALLS : 0);
	wrmsr(MSR_OPTIONS, ~rdmsr(MSR_OPTIONS));
	expect("is not taken", rdmsr(MSR_OPTIONS), cmdline_get("calls") ? USE_CALLS : 0);
	for (u32 msr = MSR_PENDING + 1; msr < MSR_OPTIONS; msr++)
		expect("between them", rdmsr_safe(msr, &value), GP);
}

/* --- by MSRs ------------------------------------------------------------------------- */
static void msr_echo(void)
{
	static const u32 sizes[] = { 5, 1, 2, 64, 1472, 1473, 4095, 4096, 7 };

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		echo(sizes[i]);
	end();
}

static void msr_refused(void)
{
	static const u32 sizes[] = { 0, 4097, 8192, 65535 };

	begin();
	command(send_page, PAGE_SIZE, 'e', 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		expect("size", control(SEND(sizes[i])), 0);
	wrmsr(MSR_SEND, 0);
	expect("from nowhere", control(SEND(5)), 0);
	wrmsr(MSR_SEND, (u64)send_page);
	expect("nothing there", control(RECEIVE), 0);
	/* Nowhere to put it: it waits. */
	send(9, 'e', 1, 2);
	expect_true("pending", wait_pending());
	wrmsr(MSR_RECEIVE, 0);
	expect("to nowhere", control(RECEIVE), 0);
	expect("still there", pending_page[0], 1);
	wrmsr(MSR_RECEIVE, (u64)receive_page);
	expect("received", control(RECEIVE), RECEIVED(9));
	/* None of those above has gone out. */
	wait_ms(20);
	expect("no more", control(RECEIVE), 0);
	end();
}

static void pending_moves(void)
{
	begin();
	memset(other_page, 0x55, PAGE_SIZE);
	send(5, 'e', 0, 0);
	expect_true("pending", wait_pending());
	wrmsr(MSR_PENDING, (u64)other_page);
	expect("there as well", other_page[0], 1);
	expect("one byte", other_page[1], 0x55);
	/* Off: nothing is written. */
	wrmsr(MSR_PENDING, 0);
	expect("received", control(RECEIVE), RECEIVED(5));
	expect("stays", other_page[0], 1);
	wrmsr(MSR_PENDING, (u64)other_page);
	expect("cleared", other_page[0], 0);
	expect("and the first", pending_page[0], 1);
	/* Two wait: the byte stays until both are gone. */
	send(6, 'e', 0, 0);
	send(7, 'e', 0, 0);
	expect_true("pending", wait_byte(other_page, 1));
	wait_ms(ALL_CAME_MS);
	expect("received", control(RECEIVE), RECEIVED(6));
	expect("one more", other_page[0], 1);
	expect("received", control(RECEIVE), RECEIVED(7));
	expect("none", other_page[0], 0);
	end();
}

/* The same page for everything, and under other pages of the interface. */
static void pages_overlap(void)
{
	begin();
	wrmsr(MSR_RECEIVE, (u64)send_page);
	send(9, 'e', 3, 4);
	expect_true("pending", wait_pending());
	memset(send_page, 0, PAGE_SIZE);
	expect("received", control(RECEIVE), RECEIVED(9));
	expect("in the same", send_page[0], 'e');
	wrmsr(MSR_ASSIST, (u64)other_page | ENABLED);
	wrmsr(MSR_RECEIVE, (u64)other_page);
	wrmsr(MSR_PENDING, (u64)other_page);
	send(9, 'e', 3, 4);
	expect_true("pending", wait_byte(other_page, 1));
	expect("received", control(RECEIVE), RECEIVED(9));
	expect("none left", other_page[0], 0);
	expect("the rest", other_page[1], 3);
	wrmsr(MSR_ASSIST, 0);
	wrmsr(MSR_PENDING, (u64)pending_page);
	wrmsr(MSR_RECEIVE, (u64)receive_page);
	echo(20);
	end();
}

/* Sends, and takes what comes, until it has that back: then all that was before it is through. */
static void catch_up(u32 size)
{
	for (u64 until = rdtsc() + PATIENCE_MS * tsc_ms; rdtsc() < until;) {
		send(size, 'e', 0, 0);
		wait_ms(20);
		for (u64 status = control(RECEIVE); status; status = control(RECEIVE))
			if (status == RECEIVED(size))
				return;
	}
	expect_true("caught up", false);
}

/* More than anybody keeps. What is kept is whole and in order. */
static void flood(void)
{
	int last = -1;
	u32 got = 0;

	begin();
	send(5, 'n', 3000, 600);
	while (got < 3000 && wait_pending()) {
		u16 number;

		if (!expect("size", control(RECEIVE), RECEIVED(600)))
			break;
		memcpy(&number, receive_page, sizeof(number));
		if (!expect_true("in order", number > last))
			break;
		last = number;
		got++;
		if (!pending_page[0])
			wait_ms(20);
		if (!pending_page[0])
			break;
	}
	expect_true("some", got >= 10);
	catch_up(101);
	wait_ms(50);
	expect("reset", call(CALL_RESET | FAST, INCOMING, 0), SUCCESS);
	echo(100);
	end();
}

/* An empty one and one that fits nowhere: they are left out. */
static void odd_sizes(void)
{
	begin();
	send(11, 'z', 0, 0);
	expect_true("pending", wait_pending());
	expect("received", control(RECEIVE), RECEIVED(11));
	expect("none left", pending_page[0], 0);
	expect("no second", control(RECEIVE), 0);
	end();
}

/* Nobody listens for a while: what is sent is lost, and that is all. */
static void nobody_there(void)
{
	u64 begun = now_ms();
	u64 status = 0;

	begin();
	send(5, 'c', 1000, 0);
	wait_ms(100);
	for (int i = 0; i < 20; i++) {
		send(5, 'e', 0, 0);
		wait_ms(1);
		status |= control(RECEIVE) | pending_page[0];
	}
	/* A host that was busy meanwhile may have let the time pass. */
	if (now_ms() < begun + 1000)
		expect("nothing", status, 0);
	catch_up(34);
	wait_ms(50);
	expect("reset", call(CALL_RESET | FAST, INCOMING, 0), SUCCESS);
	echo(33);
	end();
}

/* --- frames ------------------------------------------------------------------------------ */
#define HEADERS		42U
#define GUEST_IP	0xc0a80a07U
#define PEER_IP		0xc0a80a01U

static const u8 guest_mac[6] = { 2, 0, 0, 0, 0, 7 }, peer_mac[6] = { 2, 0, 0, 0, 0, 1 };

static void put16(u8 *p, u16 v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static u16 get16(const u8 *p) { return p[0] << 8 | p[1]; }
static u32 get32(const u8 *p) { return (u32)get16(p) << 16 | get16(p + 2); }

static void put32(u8 *p, u32 v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static u32 sum(const u8 *p, u32 size)
{
	u32 s = 0;

	for (u32 i = 0; i < size; i++)
		s += i & 1 ? p[i] : p[i] << 8;
	return s;
}

static u16 fold(u32 s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

/* As guests build them: with no checksums at all. The size. */
static u32 frame(u8 *f, u32 carries, char what, u16 a)
{
	u8 *ip = f + 14, *udp = ip + 20;

	memset(f, 0, HEADERS);
	memcpy(f, peer_mac, 6);
	memcpy(f + 6, guest_mac, 6);
	put16(f + 12, 0x800);
	ip[0] = 0x45;
	put16(ip + 2, 28 + carries);
	ip[8] = 16;
	ip[9] = 17;
	put32(ip + 12, GUEST_IP);
	put32(ip + 16, PEER_IP);
	put16(udp, 0);
	put16(udp + 2, 0);
	put16(udp + 4, 8 + carries);
	command(udp + 8, carries < 5 ? 5 : carries, what, a, 0);
	return HEADERS + carries;
}

struct post {
	u32 count, options;
	u8 data[DATA_MAX];
};

struct retrieve {
	u32 count, options;
	u64 timeout;
};

struct retrieved {
	u32 count, remaining;
	u8 data[DATA_MAX];
};

static struct post *post_in(void) { return (struct post *)in_pages[cpu_index()]; }
static struct retrieved *out_page(void) { return (struct retrieved *)out_pages[cpu_index()]; }

static u64 post(u32 count, u32 options)
{
	post_in()->count = count;
	post_in()->options = options;
	memset(out_page(), 0xee, 8);
	return call(CALL_POST, (u64)post_in(), (u64)out_page());
}

static u64 retrieve(u32 count, u32 options, u64 timeout)
{
	struct retrieve *in = (struct retrieve *)in_pages[cpu_index()];

	*in = (struct retrieve){ count, options, timeout };
	memset(out_page(), 0xee, 8);
	return call(CALL_RETRIEVE, (u64)in, (u64)out_page());
}

/* The headers of what came, as an answer to frame(). */
static void expect_frame(const u8 *f, u32 carries)
{
	const u8 *ip = f + 14, *udp = ip + 20;

	expect("to", memcmp(f, guest_mac, 6), 0);
	expect("from", memcmp(f + 6, peer_mac, 6), 0);
	expect("IPv4", get16(f + 12), 0x800);
	expect("version and size", ip[0], 0x45);
	expect("length", get16(ip + 2), 28 + carries);
	expect("whole", get16(ip + 6), 0);
	expect_true("lives", ip[8] > 0);
	expect("UDP", ip[9], 17);
	expect("checksum", fold(sum(ip, 20)), 0xffff);
	expect("source", get32(ip + 12), PEER_IP);
	expect("target", get32(ip + 16), GUEST_IP);
	expect("ports", get32(udp), 0);
	expect("UDP's length", get16(udp + 4), 8 + carries);
	expect_true("UDP's checksum is there", get16(udp + 6));
	expect("and right", fold(sum(ip + 12, 8) + 17 + 8 + carries + sum(udp, 8 + carries)),
	       0xffff);
}

static void call_echo_of(u32 carries)
{
	static u8 sent[DATA_MAX];
	struct retrieved *out = out_page();
	u32 size = frame(post_in()->data, carries, 'e', carries);

	memcpy(sent, post_in()->data, size);
	expect("post", post(size, 0), SUCCESS);
	expect("all of it", out->count, 0);
	expect("one number", out->remaining, 0xeeeeeeee);
	expect_true("pending", wait_pending());
	expect("retrieve", retrieve(DATA_MAX, 0, 0), SUCCESS);
	expect("size", out->count, size);
	expect("rest", out->remaining, DATA_MAX - size);
	expect_frame(out->data, carries);
	expect("alike", memcmp(out->data + HEADERS, sent + HEADERS, carries), 0);
	expect("none left", pending_page[0], 0);
	expect("no second", retrieve(DATA_MAX, 0, 0), NO_DATA);
	expect("none of it", out->count, 0);
	expect("the rest", out->remaining, DATA_MAX);
}

static void call_echo(void)
{
	static const u32 sizes[] = { 5, 1, 100, 101, 1400, DATA_MAX - HEADERS };

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		call_echo_of(sizes[i]);
	end();
}

/* Before the guest has said who it is, it is who it has been told it is. */
static void first_frame(void)
{
	struct retrieved *out = out_page();

	begin();
	send(5, 'e', 0, 0);
	expect_true("pending", wait_pending());
	expect("retrieve", retrieve(DATA_MAX, 0, 0), SUCCESS);
	expect("size", out->count, HEADERS + 5);
	expect("source", get32(out->data + 26), DEBUGGER_IP);
	expect("target", get32(out->data + 30), DEBUGGER_IP);
	expect("ports", get32(out->data + 34), DEBUGGER_PORT << 16 | DEBUGGER_PORT);
	end();
}

/* Each of these goes nowhere, and nothing comes back but the echo of the last. */
static void not_a_datagram(void)
{
	static const struct { u32 at; u16 value; u32 cut; } rows[] = {
		{ 12, 0x0806, 0 }, { 12, 0x86dd, 0 },		/* ARP, IPv6 */
		{ 14, 0x5500, 0 }, { 14, 0x4400, 0 }, { 14, 0x4f00, 0 },
		{ 16, 0, 0 }, { 16, 27, 0 }, { 16, 34, 0 }, { 16, 0xffff, 0 },
		{ 20, 0x2000, 0 }, { 20, 1, 0 },		/* parts */
		{ 22, 0x1006, 0 }, { 22, 0x1001, 0 },		/* TCP, ICMP */
		{ 36, 67, 0 },					/* DHCP */
		{ 38, 7, 0 }, { 38, 0, 0 }, { 38, 14, 0 }, { 38, 0xffff, 0 },
		{ 40, 0, 1 }, { 40, 0, 5 }, { 40, 0, 6 }, { 40, 0, 14 }, { 40, 0, 33 },
		{ 40, 0, 34 }, { 40, 0, 46 },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		u32 size = frame(post_in()->data, 5, 'e', i);

		put16(post_in()->data + rows[i].at, rows[i].value);
		if (!expect("post", post(size - rows[i].cut, 0), SUCCESS))
			printf("row %zu\n", i);
		expect("none left", out_page()->count, 0);
	}
	expect("post", post(0, 0), SUCCESS);
	/* Its padding is not the datagram's, options are no harm, nor those that nobody knows. */
	frame(post_in()->data, 3, 'e', 0);
	expect("post", post(60, ~0U), SUCCESS);
	expect_true("pending", wait_pending());
	expect("retrieve", retrieve(DATA_MAX, ~(LOOP | TEST), ~0UL), SUCCESS);
	expect("size", out_page()->count, HEADERS + 3);
	wait_ms(50);
	expect("no other", retrieve(DATA_MAX, 0, 0), NO_DATA);
	end();
}

static void ip_options(void)
{
	u8 *f = post_in()->data;
	u32 size;

	begin();
	size = frame(f, 5, 'e', 0);
	for (u32 i = size - 1; i >= 34; i--)
		f[i + 4] = f[i];
	put32(f + 34, 0x01010100);
	f[14] = 0x46;
	put16(f + 16, 28 + 4 + 5);
	expect("post", post(size + 4, 0), SUCCESS);
	expect_true("pending", wait_pending());
	expect("retrieve", retrieve(DATA_MAX, 0, 0), SUCCESS);
	expect_frame(out_page()->data, 5);
	end();
}

/* --- what is wrong with a call ------------------------------------------------------------ */
static void calls_refused_of(u64 code, u64 in, u64 out, u32 in_size, u32 out_size)
{
	/* A ROM can be read, and what it says is as wrong. */
	static const u64 nowhere[] = { ROM, NO_RAM, RAM_END, ~7UL, 1UL << 63, 0xa0000 };
	static const u64 wrong[] = {
		REPS(1), REP_START(1), BANKS(1), BIT(27), BIT(31), BIT(44), BIT(63),
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		expect("input value", call(code | wrong[i], in, out), INVALID_INPUT);
	for (u32 i = 1; i < 8; i++) {
		expect("input", call(code, in + i, out), INVALID_ALIGNMENT);
		if (out_size)
			expect("output", call(code, in, out + i), INVALID_ALIGNMENT);
	}
	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		if (i)
			expect("input from", call(code, nowhere[i], out), INVALID_ALIGNMENT);
		if (out_size)
			expect("output to nowhere", call(code, in, nowhere[i]), INVALID_ALIGNMENT);
	}
	if (in_size > 8)
		expect("input ends", call(code, ALIGN_END(in), out), INVALID_ALIGNMENT);
	if (out_size > 8)
		expect("output ends", call(code, in, ALIGN_END(out)), INVALID_ALIGNMENT);
}

static void post_refused(void)
{
	u64 in = (u64)post_in(), out = (u64)out_page();

	begin();
	frame(post_in()->data, 5, 'e', 0);
	post_in()->count = HEADERS + 5;
	calls_refused_of(CALL_POST, in, out, 8, 4);
	expect("fast", call(CALL_POST | FAST, in, out), INVALID_INPUT);
	for (u32 count = DATA_MAX + 1; count; count = count * 2 + 1) {
		expect("too much", post(count, 0), INVALID_PARAMETER);
		if (count == ~0U)
			break;
	}
	expect("all there may be", post(DATA_MAX, 0), SUCCESS);
	/* It would go on in the next page. */
	((struct post *)(in_pages[0] + 8))->count = DATA_MAX;
	expect("over the end", call(CALL_POST, in + 8, out), INVALID_ALIGNMENT);
	wait_ms(30);
	expect_true("one went out", wait_pending());
	expect("that one", retrieve(DATA_MAX, 0, 0), SUCCESS);
	expect("no more", retrieve(DATA_MAX, 0, 0), NO_DATA);
	end();
}

static void retrieve_refused(void)
{
	struct retrieve *in = (struct retrieve *)post_in();
	u64 out = (u64)out_page();

	begin();
	*in = (struct retrieve){ 100, 0, 0 };
	calls_refused_of(CALL_RETRIEVE, (u64)in, out, 16, 16);
	expect("fast", call(CALL_RETRIEVE | FAST, (u64)in, out), INVALID_INPUT);
	for (u32 count = DATA_MAX + 1; count; count = count * 2 + 1) {
		expect("too much", retrieve(count, 0, 0), INVALID_PARAMETER);
		if (count == ~0U)
			break;
	}
	*in = (struct retrieve){ DATA_MAX, 0, 0 };
	expect("over the end", call(CALL_RETRIEVE, (u64)in, out + 8), INVALID_ALIGNMENT);
	expect("nothing wanted", retrieve(0, 0, 0), SUCCESS);
	expect("nothing", out_page()->count, 0);
	expect("asked for the debugger", retrieve(50, TEST, 0), SUCCESS);
	expect("nothing", out_page()->count, 0);
	expect("the rest", out_page()->remaining, 50);
	/* What finds no room is lost, and the next is there. */
	send(10, 'e', 0, 0);
	send(11, 'e', 0, 0);
	expect_true("pending", wait_pending());
	wait_ms(ALL_CAME_MS);
	memset(out_page()->data, 0x33, 100);
	expect("asked for the debugger", retrieve(100, TEST, 0), SUCCESS);
	expect("no room", retrieve(HEADERS + 9, 0, 0), NO_DATA);
	expect("nothing written", out_page()->data[0], 0x33);
	expect("exactly", retrieve(HEADERS + 11, 0, 0), SUCCESS);
	expect("size", out_page()->count, HEADERS + 11);
	expect("no rest", out_page()->remaining, 0);
	end();
}

static u64 reset(u32 options)
{
	*(u32 *)post_in() = options;
	memset(out_page(), 0xee, 32);
	return call(CALL_RESET, (u64)post_in(), (u64)out_page());
}

static void reset_session(void)
{
	u8 *out = (u8 *)out_page();
	u64 in = (u64)post_in();

	begin();
	*(u32 *)in = OUTGOING;
	calls_refused_of(CALL_RESET, in, 0, 4, 0);
	expect("nothing asked", reset(0), INVALID_PARAMETER);
	expect("nothing asked", call(CALL_RESET | FAST, 0, 0), INVALID_PARAMETER);
	expect("fast, with output", call(CALL_RESET | FAST, CONFIG, 0), INVALID_INPUT);
	*(u32 *)in = CONFIG;
	calls_refused_of(CALL_RESET, in, (u64)out, 4, 24);
	send(5, 'e', 0, 0);
	send(6, 'e', 0, 0);
	send(7, 'e', 0, 0);
	expect_true("pending", wait_pending());
	wait_ms(ALL_CAME_MS);
	/* Not those. */
	expect("outgoing", reset(OUTGOING), SUCCESS);
	expect("nothing written", out[0], 0xee);
	expect("addresses", reset(CONFIG), SUCCESS);
	expect("of the host", *(u32 *)out, DEBUGGER_IP);
	expect("port", *(u16 *)(out + 8), DEBUGGER_PORT);
	expect("of the guest", *(u32 *)(out + 4), DEBUGGER_IP);
	expect("no more", out[24], 0xee);
	expect("still there", pending_page[0], 1);
	expect("received", control(RECEIVE), RECEIVED(5));
	expect("incoming", call(CALL_RESET | FAST, INCOMING, 0), SUCCESS);
	expect("gone", pending_page[0], 0);
	expect("none", control(RECEIVE), 0);
	echo(40);
	end();
}

/* It waits for what is to come, as long as it is told to, and no longer than it may. */
static void retrieve_waits(void)
{
	u64 begun;

	begin();
	begun = now_ms();
	for (int i = 0; i < 10; i++) {
		expect("not asked to wait", retrieve(DATA_MAX, 0, 400 * MS), NO_DATA);
		expect("nor to", retrieve(DATA_MAX, LOOP, 0), NO_DATA);
	}
	expect_range("it did not", now_ms() - begun, 0, 2000);
	begun = now_ms();
	expect("nothing", retrieve(DATA_MAX, LOOP, 100 * MS), NO_DATA);
	expect_range("it waited", now_ms() - begun, 99, PATIENCE_MS);
	begun = now_ms();
	expect("nothing", retrieve(DATA_MAX, LOOP, ~0UL), NO_DATA);
	expect_range("not for ever", now_ms() - begun, 399, PATIENCE_MS);
	send(9, 'l', 100, 0);
	expect("something", retrieve(DATA_MAX, LOOP, 400 * MS), SUCCESS);
	expect("size", out_page()->count, HEADERS + 9);
	end();
}

/* --- several CPUs ------------------------------------------------------------------------- */
#define ROUNDS	100

static u32 got_of[TALKERS], wrong_of[TALKERS];

static void talk(void *arg)
{
	u32 me = cpu_index();
	u64 until;

	got_of[me] = wrong_of[me] = 0;
	for (u32 i = 0; i < ROUNDS; i++) {
		u32 size = frame(post_in()->data, 50, 'e', i);

		wrong_of[me] += post(size, 0) != SUCCESS;
		until = rdtsc() + 1000 * tsc_ms;
		while (retrieve(DATA_MAX, LOOP, 10 * MS) != SUCCESS && rdtsc() < until)
			;
		got_of[me] += out_page()->count == size;
	}
}

static void all_talk(void)
{
	u32 got = 0;

	begin();
	for (u32 i = 1; i < cpus; i++)
		cpu_post(i, talk, NULL);
	talk(NULL);
	for (u32 i = 1; i < cpus; i++)
		expect_true("done", cpu_wait(i));
	for (u32 i = 0; i < cpus; i++) {
		expect("refused", wrong_of[i], 0);
		got += got_of[i];
	}
	expect("each came back", got, cpus * ROUNDS);
	end();
}

/* --- the table ----------------------------------------------------------------------------- */
static const struct guest_case cases[] = {
	{ "no-trace", no_trace, present },
	{ "leaves", leaves, absent },
	{ "msr-values", msr_values, absent },
	{ "first-frame", first_frame, absent },
	{ "msr-echo", msr_echo, absent },
	{ "msr-refused", msr_refused, absent },
	{ "pending-moves", pending_moves, absent },
	{ "pages-overlap", pages_overlap, absent },
	{ "flood", flood, absent },
	{ "odd-sizes", odd_sizes, absent },
	{ "nobody-there", nobody_there, absent },
	{ "call-echo", call_echo, absent },
	{ "not-a-datagram", not_a_datagram, absent },
	{ "ip-options", ip_options, absent },
	{ "post-refused", post_refused, absent },
	{ "retrieve-refused", retrieve_refused, absent },
	{ "reset-session", reset_session, absent },
	{ "retrieve-waits", retrieve_waits, absent },
	{ "all-start", smp_start, absent_or_alone },
	{ "all-talk", all_talk, absent_or_alone },
};

void guest_main(void)
{
	mode_init();
	smp_init();
	cases_run(cases, ARRAY_SIZE(cases));
}
