# SPDX-License-Identifier: GPL-2.0
"""An archive in cpio's "newc" format, as the kernel unpacks it into its root."""

import os
import posixpath
import stat


class Archive:
    def __init__(self, stream):
        self.stream = stream
        self.inode = 0
        self.known = {"/"}

    def _write(self, path, mode, data=b"", rdev=(0, 0)):
        self.inode += 1
        name = path.lstrip("/").encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name), 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name
        self.stream.write(head + b"\0" * (-len(head) % 4))
        self.stream.write(data)
        self.stream.write(b"\0" * (-len(data) % 4))

    def _parents(self, path):
        parent = posixpath.dirname(path)
        if parent not in self.known:
            self.directory(parent)

    def directory(self, path):
        if path not in self.known:
            self._parents(path)
            self.known.add(path)
            self._write(path, stat.S_IFDIR | 0o755)

    def data(self, path, data, mode=0o644):
        self._parents(path)
        self._write(path, stat.S_IFREG | mode, data)

    def link(self, path, target):
        self._parents(path)
        self._write(path, stat.S_IFLNK | 0o777, target.encode())

    def device(self, path, major, minor):
        self._parents(path)
        self._write(path, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def file(self, source, path):
        """A file from here, its links followed, or a folder with all in it."""
        if os.path.isdir(source):
            self.directory(path)
            for entry in sorted(os.listdir(source)):
                self.file(os.path.join(source, entry), posixpath.join(path, entry))
            return
        with open(source, "rb") as f:
            self.data(path, f.read(), stat.S_IMODE(os.fstat(f.fileno()).st_mode))

    def end(self):
        self._write("TRAILER!!!", 0)
