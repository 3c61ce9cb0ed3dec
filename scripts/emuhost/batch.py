# SPDX-License-Identifier: GPL-2.0
"""
A list of tests in as few boots of a host as they allow.

Each test is judged apart: by its exit status, by what the kernel said while
it ran, and by what it left behind. One that damages its host fails alone: the
rest go on in a fresh one. Exit status 77 is a skip, and the last line that the
test said is the reason.
"""

import sys

from .image import Job
from .session import Listener

SKIPPED = 77
HANG_MARGIN = 30        # seconds by our clock for a host that does not keep its own


class Test:
    def __init__(self, name, timeout, command):
        self.name, self.timeout, self.command = name, timeout, command


def read_list(path):
    """Lines NAME<TAB>TIMEOUT<TAB>COMMAND; empty ones and those with # are skipped."""
    tests = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if not line.strip() or line.startswith("#"):
                continue
            fields = line.rstrip("\n").split("\t", 2)
            if len(fields) != 3:
                raise ValueError(f"{path}:{number}: not NAME<TAB>TIMEOUT<TAB>COMMAND")
            tests.append(Test(fields[0], float(fields[1]), fields[2]))
    return tests


def jobs_of(tests, slowness, internal):
    """A check follows each test; one that fails ends this life of the host."""
    jobs = [internal("load", "s")]
    for test in tests:
        limit = test.timeout * slowness
        jobs.append(Job(test.name, ["sh", "-c", test.command], limit, "", limit + HANG_MARGIN))
        jobs.append(internal("check", "s"))
    return jobs + [internal("unload")]


def last_line(text):
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"


class Report(Listener):
    """Prints how each test went as soon as its check is through."""

    def __init__(self, tests, slowness, out=sys.stdout):
        self.todo, self.slowness, self.out = list(tests), slowness, out
        self.failed = 0
        self.result = None          # of the test whose check is still to come

    def _print(self, line):
        print(line, file=self.out, flush=True)

    def _details(self, *results):
        """What a test said, but for its cases that passed: they would bury the others."""
        for result in results:
            for line in result.said.decode(errors="replace").splitlines():
                if not line.startswith("ok "):
                    self._print("    | " + line)
        for result in results:
            for line in result.kmsg:
                self._print("    # " + line)

    def fail(self, name, why, *results):
        self.failed += 1
        self._print(f"FAIL {name}: {why}")
        self._details(*results)

    def ended(self, result):
        name = result.job.name
        if name == "check" and self.result:
            self._judge(self.result, result)
            self.result = None
        elif name not in ("load", "check", "unload"):
            self.result = result

    def _judge(self, result, check):
        name = result.job.name
        del self.todo[0]
        complaint = result.complaint() or check.complaint()
        if complaint:
            self.fail(name, f"the host's kernel complained: {complaint}", result, check)
        elif check.status:
            self.fail(name, last_line(check.said), result, check)
        elif result.timed_out:
            self.fail(name, f"no end after {result.job.timeout:g} s", result)
        elif result.status == SKIPPED:
            self._print(f"skip {name}: {last_line(result.said)}")
        elif result.status:
            self.fail(name, f"exit status {result.status}", result)
        else:
            self._print(f"ok {name} ({result.seconds:.1f} s)")

    def fate(self, session):
        """What became of the host once it is over; True if the rest may go on in another."""
        load, unload = session.results[0], session.results[-1]
        if not session.came_up or load.status:
            why = last_line(load.said) if session.came_up else "the host did not come up"
            for test in self.todo:
                self.fail(test.name, f"not run: {why}")
            self.out.write(session.said if not session.came_up else "")
            return False
        if unload.status:
            self.fail("unload", "see below", unload)
        elif session.done and unload.status == 0 and unload.complaint():
            self.fail("unload", f"the host's kernel complained: {unload.complaint()}", unload)
        elif not session.done:
            self._host_died(session)
        return bool(self.todo)

    def _host_died(self, session):
        current = session.current
        how = "hung" if session.overrun else "died"
        if current.job.name == "unload":
            self.fail("unload", f"the host {how}", current)
            return
        test = self.todo.pop(0)
        result = self.result or current
        self.result = None
        why = (result.complaint() or current.complaint() or session.panic()
               or f"the host {how}")
        self.fail(test.name, why, *{id(r): r for r in (result, current)}.values())
        for line in session.where.splitlines() + session.said.splitlines()[-40:]:
            self._print("    # " + line)


def run(tests, slowness, boot, internal):
    """@boot(jobs, listener) is one life of a host. Returns the number of failures."""
    report = Report(tests, slowness)
    while report.todo:
        jobs = jobs_of(report.todo, slowness, internal)
        if not report.fate(boot(jobs, report)):
            break
    return report.failed
