# SPDX-License-Identifier: GPL-2.0
"""The talk with the agent in an emulated host: frames in, keyboard out, time limits."""

import os
import re
import selectors
import struct
import time

MAGIC = b"\x01vm\x02"
HEAD = struct.Struct("<4sBxHI")
OUTCOME = struct.Struct("<IIQ")
DLE = b"\x10"
WINDOW = 2048           # bytes of input under way: less than a tty's buffer takes

# What a healthy kernel never prints. Debug kernels print some of it in other words.
COMPLAINTS = re.compile(
    r"WARNING:|BUG[: ]|Oops|general protection fault|kernel NULL pointer|KASAN|UBSAN"
    r"|double fault|refcount_t:|ODEBUG|INFO: (task|rcu|possible|trying)|possible circular"
    r"|possible recursive|suspicious RCU|inconsistent lock state|invalid wait context"
    r"|lock held when returning|sleeping function called|scheduling while atomic"
    r"|unchecked MSR access|stack guard|soft lockup|hard LOCKUP|unable to handle"
    r"|Bad page|bad pte|rss-counter|detected stall|self-detected|blocked for more than"
    r"|kmemleak:.*(leak|disabled)|list_(add|del) corruption|Kernel panic|Call Trace:")
# After these a kernel may hold locks for ever; what is still to come gets little time.
BROKEN = re.compile(r"Oops|BUG: (unable|kernel)|Kernel panic|soft lockup|hard LOCKUP")
BROKEN_LIMIT = 10
# After so many seconds without a word the machine is poked; see there.
SILENCE = 3
# Fault injection shows where it struck, by design.
INJECTED = re.compile(r"FAULT_INJECTION: forcing a failure")


class Result:
    """How one job went."""

    def __init__(self, job):
        self.job = job
        self.said, self.files = bytearray(), bytearray()     # said: stdout and stderr
        self.kmsg = []
        self.status = None      # None: it did not end
        self.timed_out = False
        self.seconds = 0.0

    def complaint(self):
        """The first line of the kernel's log that a healthy kernel does not print."""
        injected = False
        for line in self.kmsg:
            injected = injected or bool(INJECTED.search(line))
            found = COMPLAINTS.search(line)
            if found and not (injected and found.group() == "Call Trace:"):
                return line
        return None


def kmsg_line(record):
    """A record of /dev/kmsg, as dmesg prints it."""
    head, _, text = record.decode(errors="replace").partition(";")
    fields = head.split(",")
    micros = int(fields[2]) if len(fields) > 2 and fields[2].isdigit() else 0
    line = text.partition("\n")[0]      # what follows names the device
    return f"[{micros / 1e6:12.6f}] {line}"


class Listener:
    """What a session tells while it runs."""

    def output(self, result, kind, data):
        """A piece of the job's stdout (kind o) or stderr (kind e)."""

    def ended(self, result):
        """The job is over."""


class Session:
    """
    Runs the machine until its list of jobs is done, it dies (over, but not
    done), or time runs out (overrun).
    """

    def __init__(self, machine, jobs, listener, source=None):
        self.machine, self.listener = machine, listener
        self.results = [Result(job) for job in jobs]
        self.source = source            # a file descriptor with input for the job
        self.deadline = time.monotonic() + machine.boot_limit
        self.buffer = bytearray()
        self.current = None
        self.said = ""                  # both logs of the machine, once it stopped
        self.where = ""                 # what the CPUs of one that hangs did
        self.came_up = self.over = self.done = self.overrun = self.broken = False
        self.pending, self.credit = bytearray(), WINDOW
        self.selector = selectors.DefaultSelector()

    def run(self):
        self.selector.register(self.machine.output, selectors.EVENT_READ, self._read_frames)
        while not self.over:
            left = self.deadline - time.monotonic() if self.deadline else None
            if left is not None and left <= 0:
                self.overrun = True
                self.where = self.machine.where()
                break
            ready = self.selector.select(min(left or SILENCE, SILENCE))
            for key, _ in ready:
                key.data()
            if not ready:
                self.machine.poke()

    def panic(self):
        """The line of the console on which the kernel gave up, or None."""
        lines = [line for line in self.said.splitlines() if "Kernel panic" in line]
        return lines[0] if lines else None

    def _read_frames(self):
        data = os.read(self.machine.output, 65536)
        if not data:
            self.over = True
            return
        self.buffer += data
        while self._frame_next():
            pass

    def _frame_next(self):
        """Handles one frame; what stands between frames is the emulator's chatter."""
        start = self.buffer.find(MAGIC)
        if start < 0 or len(self.buffer) < start + HEAD.size:
            return False
        _, kind, job, length = HEAD.unpack_from(self.buffer, start)
        end = start + HEAD.size + length
        if len(self.buffer) < end:
            return False
        payload = bytes(self.buffer[start + HEAD.size:end])
        del self.buffer[:end]
        self._frame(chr(kind), self.results[min(job, len(self.results) - 1)], payload)
        return True

    def _frame(self, kind, result, payload):
        if kind == "b":
            self._begin(result)
        elif kind in "oe":
            result.said += payload
            self.listener.output(result, kind, payload)
        elif kind == "f":
            result.files += payload
        elif kind == "k":
            self._kmsg(result, kmsg_line(payload))
        elif kind == "c":
            self.credit += int.from_bytes(payload, "little")
            self._input_send()
        elif kind == "x":
            result.status, timed_out, nsec = OUTCOME.unpack(payload)
            result.timed_out, result.seconds = bool(timed_out), nsec / 1e9
            self.listener.ended(result)
        elif kind == "q":
            self.over = self.done = True

    def _kmsg(self, result, line):
        result.kmsg.append(line)
        if not self.broken and BROKEN.search(line):
            self.broken = True
            self.deadline = time.monotonic() + BROKEN_LIMIT

    def _begin(self, result):
        self.came_up = True
        self.current = result
        limit = result.job.wall_limit
        if not self.broken:
            self.deadline = time.monotonic() + limit if limit else None
        if self.source is None:
            return
        if set(result.job.flags) & set("ti"):
            self.selector.register(self.source, selectors.EVENT_READ, self._input_read)
        elif self.source in self.selector.get_map():
            self.selector.unregister(self.source)

    def _input_read(self):
        data = os.read(self.source, WINDOW)
        if not data:
            self.selector.unregister(self.source)
        self.pending += data.replace(DLE, DLE + DLE) if data else DLE + b"e"
        self._input_send()

    def _input_send(self):
        count = min(len(self.pending), self.credit)
        if count > 0:
            self.machine.input(bytes(self.pending[:count]))
            del self.pending[:count]
            self.credit -= count
