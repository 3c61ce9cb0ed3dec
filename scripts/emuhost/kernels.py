# SPDX-License-Identifier: GPL-2.0
"""The kernels of emulated hosts and guests, unpacked in a cache by scripts/setup."""

import lzma
import os
import pathlib
import subprocess


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(os.environ.get("VMM_CACHE") or home + "/vmm")


class Kernel:
    """@name is 6.1, 6.12 or debug: a link in the cache to the kernel of that version."""

    def __init__(self, name):
        self.name = name
        self.slowness = 4 if name == "debug" else 1
        self.root = cache() / "kernels" / name
        if not self.root.exists():
            hint = "scripts/debug-kernel" if name == "debug" else "scripts/setup"
            raise FileNotFoundError(f"kernel {name} is not in {cache()}: {hint} puts it there")
        self.root = self.root.resolve()
        modules = sorted((self.root / "lib/modules").iterdir())
        self.version = modules[0].name
        self.modules = modules[0]
        self.image = self.root / f"boot/vmlinuz-{self.version}"

    def build(self):
        """Where kbuild finds this kernel's headers."""
        own = self.root / "build"
        return own if own.exists() else pathlib.Path(f"/lib/modules/{self.version}/build")

    def _dependencies(self):
        index = self.modules / "modules.dep"
        if not index.exists():
            subprocess.run(["/sbin/depmod", "-b", self.root, self.version], check=True)
        table = {}
        for line in index.read_text().splitlines():
            path, _, needs = line.partition(":")
            table[path] = needs.split()
        return table

    def pick(self, names):
        """The modules called @names with all they need: path and content, and their index."""
        table = self._dependencies()
        by_name = {stem(path): path for path in table}
        wanted = {}
        for name in names:
            path = by_name.get(name.replace("-", "_"))
            if path is None:
                raise FileNotFoundError(f"kernel {self.version} has no module {name}")
            for each in [path] + table[path]:
                wanted[plain(each)] = self._content(each)
        index = "".join(f"{plain(path)}: {' '.join(map(plain, table[path]))}\n"
                        for path in table if plain(path) in wanted)
        return wanted, index.encode()

    def _content(self, path):
        data = (self.modules / path).read_bytes()
        return lzma.decompress(data) if path.endswith(".xz") else data


def stem(path):
    return os.path.basename(path).split(".")[0].replace("-", "_")


def plain(path):
    """Inside the host modules are not compressed."""
    return path.removesuffix(".xz")
