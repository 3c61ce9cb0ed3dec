# SPDX-License-Identifier: GPL-2.0
"""The emulators that play the host: QEMU for AMD-V, Bochs for VT-x."""

import os
import socket
import subprocess

# Where the agent's debug port comes out; see agent.c.
PORT = 0xe9


class Machine:
    """@output is a file descriptor with the agent's frames; input() types at it."""

    def __init__(self, folder):
        self.folder = folder
        self.console = folder / "console.log"       # the kernel's, from its first line
        self.process = None
        self.line = None

    def input(self, data):
        self.line.sendall(data)

    def stop(self):
        """Bochs ignores SIGTERM, and there is nothing to save in either."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if self.line:
            self.line.close()

    def said(self):
        """Both logs of a machine that did not come up."""
        texts = []
        for path in (self.console, self.folder / "emulator.log"):
            if path.exists():
                texts.append(path.read_text(errors="replace"))
        return "".join(texts)


class Qemu(Machine):
    # Without tsc=reliable two emulated CPUs look unsynchronised to Linux.
    memory, kvm, slowness = "1G", "kvm-amd", 1
    command_line = "console=ttyS0 panic=-1 tsc=reliable loglevel=6"
    boot_limit = 120

    def start(self, kernel, initrd, options):
        ours, theirs = socket.socketpair()
        command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "pc", "-cpu", "max,+svm", "-smp", str(options.smp), "-m", options.memory,
            "-no-reboot", "-kernel", kernel.image, "-initrd", initrd,
            "-append", f"{self.command_line} {options.append}",
            "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console",
            "-chardev", f"socket,id=input,fd={theirs.fileno()}", "-serial", "chardev:input",
            "-chardev", "stdio,id=agent,signal=off",
            "-device", f"isa-debugcon,iobase={PORT:#x},chardev=agent",
        ]
        if options.icount:
            command += ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
        with open(self.folder / "emulator.log", "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                pass_fds=[theirs.fileno()], start_new_session=True)
        theirs.close()
        self.line = ours
        self.output = self.process.stdout.fileno()
        os.set_blocking(self.output, True)


KINDS = {"svm": Qemu}
