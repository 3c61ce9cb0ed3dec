# SPDX-License-Identifier: GPL-2.0
"""The emulators that play the host: QEMU for AMD-V, Bochs for VT-x."""

import ctypes
import functools
import mmap
import os
import re
import shutil
import signal
import socket
import subprocess
import time

# Where the agent's debug port comes out; see agent.c.
PORT = 0xe9


# rdtsc; shl $32, %rdx; or %rdx, %rax; ret
RDTSC = bytes.fromhex("0f31 48c1e220 4809d0 c3")

# Of what QEMU tells of a CPU, and how often it is asked.
WHERE = re.compile(r"CPU#|R[A-Z0-9]{2} ?=|CS =|CR0=")
WHERE_LOOKS = 5

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """In the child: an emulator that nobody listens to would run for ever."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@functools.cache
def tsc_khz():
    """The TSC of this machine, which is that of QEMU's CPUs, against the clock."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(RDTSC)
    rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))

    def read():
        """Both at one time: the closest of some tries, since others want this CPU, too."""
        tries = [(time.monotonic_ns(), rdtsc(), time.monotonic_ns()) for _ in range(20)]
        before, ticks, after = min(tries, key=lambda t: t[2] - t[0])
        return ticks, (before + after) / 2

    ticks, ns = read()
    time.sleep(0.05)
    ticks2, ns2 = read()
    return round((ticks2 - ticks) * 1e6 / (ns2 - ns))


class Machine:
    """@output is a file descriptor with the agent's frames; input() types at it."""

    def __init__(self, folder):
        self.folder = folder
        self.console = folder / "console.log"       # the kernel's, from its first line
        self.process = None
        self.line = None
        self.monitor = None

    def input(self, data):
        self.line.sendall(data)

    def stop(self):
        """Bochs ignores SIGTERM, and there is nothing to save in either."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if self.line:
            self.line.close()

    def poke(self):
        """An interrupt that means nothing, for a machine that has been silent for a while."""

    def where(self):
        """What the CPUs of a machine that hangs are doing, as far as the emulator tells."""
        return ""

    def said(self):
        """Both logs of a machine that did not come up."""
        texts = []
        for path in (self.console, self.folder / "emulator.log"):
            if path.exists():
                texts.append(path.read_text(errors="replace"))
        return "".join(texts)


class Qemu(Machine):
    # Without tsc=reliable two emulated CPUs look unsynchronised to Linux. It must not measure
    # the TSC itself: on a busy machine it can be wrong by a factor of three. An address that a
    # hung host is at means something in the next boot only without KASLR.
    memory, kvm, slowness = "1G", "kvm-amd", 1
    command_line = "console=ttyS0 panic=-1 tsc=reliable loglevel=6 nokaslr"
    boot_limit = 120

    def start(self, kernel, initrd, options):
        self.icount = options.icount    # then one thread does all, and counts
        khz = 1000000 if self.icount else tsc_khz()
        ours, theirs = socket.socketpair()
        self.monitor, monitor = socket.socketpair()
        cpu = ",".join(["max", "+svm", *filter(None, [options.cpu_flags])])
        command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "pc", "-cpu", cpu, "-smp", str(options.smp), "-m", options.memory,
            "-no-reboot", "-kernel", kernel.image, "-initrd", initrd,
            "-append", f"{self.command_line} tsc_early_khz={khz} {options.append}",
            "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console",
            "-chardev", f"socket,id=input,fd={theirs.fileno()}", "-serial", "chardev:input",
            "-chardev", f"socket,id=monitor,fd={monitor.fileno()}", "-mon", "chardev=monitor",
            "-chardev", "stdio,id=agent,signal=off",
            "-device", f"isa-debugcon,iobase={PORT:#x},chardev=agent",
        ]
        if self.icount:
            command += ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
        with open(self.folder / "emulator.log", "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                pass_fds=[theirs.fileno(), monitor.fileno()], start_new_session=True,
                preexec_fn=die_with_parent)
        theirs.close()
        monitor.close()
        self.line = ours
        self.output = self.process.stdout.fileno()
        os.set_blocking(self.output, True)

    def poke(self):
        """
        VMRUN and #VMEXIT of QEMU 7.2 change the CPU's pending interrupts without a lock, and
        may lose one that comes at that moment. The local APIC still has it, and tells of it
        with the next one. If there is none, since that was the timer of an idle host, the host
        sleeps for ever.
        """
        if self.icount:
            return
        try:
            self.monitor.sendall(b"sendkey shift\n")
            self.monitor_read()
        except OSError:
            pass                        # it has just ended, which others see

    def monitor_read(self):
        self.monitor.setblocking(False)
        try:
            return self.monitor.recv(1 << 20).decode(errors="replace").splitlines()
        except BlockingIOError:
            return ["(QEMU does not answer)"]
        finally:
            self.monitor.setblocking(True)

    def where(self):
        """Several times, since a CPU may hang in a loop."""
        for _ in range(WHERE_LOOKS):
            self.monitor.sendall(b"info registers -a\n")
            time.sleep(0.3)
        return "".join(line + "\n" for line in self.monitor_read() if WHERE.match(line))

    def stop(self):
        super().stop()
        if self.monitor:
            self.monitor.close()


BOCHSRC = """\
config_interface: textconfig
display_library: term
plugin_ctrl: speaker=0, gameport=0, parallel=0, iodebug=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest, options=fastboot
vgaromimage: file=/usr/share/vgabios/vgabios.bin
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={megabytes}, host={megabytes}
clock: sync=none, time0=1700000000
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={folder}/boot.iso, status=inserted
ata1: enabled=0
boot: cdrom
vga: extension=vbe, update_freq=1, realtime=0
mouse: enabled=0
port_e9_hack: enabled=1
com1: enabled=1, mode=file, dev={folder}/console.log
com2: enabled=1, mode=socket-client, dev=127.0.0.1:{port}
log: {folder}/emulator.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""

ISOLINUX = """\
PROMPT 0
TIMEOUT 0
DEFAULT host
LABEL host
KERNEL /kernel
INITRD /initrd
APPEND {append}
"""


class Bochs(Machine):
    """
    Boots from a disc, since nothing in Bochs loads a kernel. Its stdout has
    the frames between what its display and its debugger print.
    """
    memory, kvm, slowness = "768M", "kvm-intel", 5
    boot_limit = 300
    model, ips = "corei7_skylake_x", 50000000
    # Without tsc_early_khz Linux takes the TSC for 3.5 GHz; with XSAVES and XSAVEC it finds
    # sizes that disagree and turns XSAVE off.
    command_line = ("console=ttyS0 panic=-1 loglevel=6 nokaslr no_timer_check cryptomgr.notests"
                    " clearcpuid=aperfmperf,xsaves,xsavec init_on_alloc=0")
    tsc = f" tsc_early_khz={ips // 1000}"

    def start(self, kernel, initrd, options):
        self._make_disc(kernel, initrd, f"{self.command_line}{self.tsc} {options.append}")
        listener = socket.create_server(("127.0.0.1", 0))
        (self.folder / "bochsrc").write_text(BOCHSRC.format(
            model=self.model, ips=self.ips, cpus=options.smp, folder=self.folder,
            megabytes=megabytes(options.memory), port=listener.getsockname()[1]))
        # Debian's build has the debugger in it, which waits to be told to continue.
        (self.folder / "debugger").write_text("c\n")
        self.process = subprocess.Popen(
            ["bochs-bin", "-q", "-f", self.folder / "bochsrc", "-rc", self.folder / "debugger"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "TERM": "dumb"}, start_new_session=True,
            preexec_fn=die_with_parent)
        self.output = self.process.stdout.fileno()
        listener.settimeout(30)
        with listener:
            self.line, _ = listener.accept()

    def _make_disc(self, kernel, initrd, append):
        disc = self.folder / "disc"
        (disc / "isolinux").mkdir(parents=True)
        for source in ("/usr/lib/ISOLINUX/isolinux.bin",
                       "/usr/lib/syslinux/modules/bios/ldlinux.c32"):
            shutil.copy(source, disc / "isolinux")
        (disc / "isolinux/isolinux.cfg").write_text(ISOLINUX.format(append=append))
        (disc / "kernel").symlink_to(kernel.image)
        (disc / "initrd").symlink_to(initrd)
        subprocess.run(
            ["xorriso", "-as", "mkisofs", "-quiet", "-f", "-o", self.folder / "boot.iso",
             "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot",
             "-boot-load-size", "4", "-boot-info-table", disc],
            check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class BochsHaswell(Bochs):
    """An older CPU, without page-modification logging among others."""
    model, tsc = "corei7_haswell_4770", ""


def megabytes(text):
    """Bochs takes no suffix."""
    return int(text[:-1]) * {"M": 1, "G": 1024}[text[-1].upper()]


KINDS = {"svm": Qemu, "vmx": Bochs, "vmx-haswell": BochsHaswell}
