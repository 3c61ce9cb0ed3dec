# SPDX-License-Identifier: GPL-2.0
"""The root of an emulated host: busybox, the agent, what is tested and what it needs."""

import os
import pathlib
import shlex
import subprocess

from .cpio import Archive

HERE = pathlib.Path(__file__).parent
MODULES = "/lib/modules"


class Job:
    """A line of the agent's list; agent.c tells what the flags mean."""

    def __init__(self, name, argv, timeout=0, flags="", wall_limit=0):
        self.name, self.argv, self.flags = name, argv, flags
        self.timeout = timeout          # by the host's own clock; 0: none
        self.wall_limit = wall_limit    # by ours, for a host that hangs; 0: none

    def encode(self):
        words = [str(int(self.timeout)), self.flags, str(len(self.argv)), *self.argv]
        return b"".join(os.fsencode(word) + b"\0" for word in words)


def libraries(path):
    """The shared libraries of a program, by the dynamic loader's own account."""
    with open(path, "rb") as f:
        if f.read(4) != b"\x7fELF":
            return set()
    report = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
    return {word for line in report.stdout.splitlines() for word in line.split()
            if word.startswith("/")}


def programs_of(source):
    """The files in @source that somebody may execute."""
    if os.path.isdir(source):
        for folder, _, files in os.walk(source):
            for name in files:
                yield from programs_of(os.path.join(folder, name))
    elif os.access(source, os.X_OK):
        yield source


class Image:
    def __init__(self, stream, build):
        self.archive = Archive(stream)
        self.libraries = set()
        self.archive.device("/dev/console", 5, 1)
        self.archive.device("/dev/null", 1, 3)
        self.archive.file("/bin/busybox", "/bin/busybox")
        self.archive.file(str(build / "emuhost/agent"), "/nested/agent")
        self.archive.file(str(HERE / "init"), "/init")
        for script in ("load", "check", "unload"):
            self.archive.file(str(HERE / script), f"/nested/{script}")
        self.archive.data("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        self.archive.data("/etc/group", b"root:x:0:\nvmm:x:100:\n")

    def add(self, source, path):
        """A file or folder from here, and the libraries of the programs in it."""
        self.archive.file(source, path)
        for program in programs_of(source):
            self.libraries |= libraries(program)

    def add_module(self, source, parameters):
        self.archive.file(source, "/nested/vmm.ko")
        self.archive.data("/nested/vmm.params", parameters.encode())

    def add_kernel_modules(self, kernel, names):
        contents, index = kernel.pick(names)
        folder = f"{MODULES}/{kernel.version}"
        for path, data in contents.items():
            self.archive.data(f"{folder}/{path}", data)
        self.archive.data(f"{folder}/modules.dep", index)

    def add_jobs(self, jobs, environment):
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        self.archive.data("/nested/env", "".join(lines).encode())
        self.archive.data("/nested/jobs", b"".join(job.encode() for job in jobs))

    def add_stdin(self, data):
        self.archive.data("/nested/stdin", data)

    def end(self):
        for path in sorted(self.libraries):
            self.archive.file(path, path)
        self.archive.end()
