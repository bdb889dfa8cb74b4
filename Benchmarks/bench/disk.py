"""A disk that is as slow as we like: the kernel's own throttling of reads, for the benchmark and all that it starts.

A virtual disk can be a file that its host caches, and read at 3 GB/s or at 300 MB/s from one minute to the next. What a cold read costs beside a
disk is then measured on one of a known rate.
"""
import contextlib
import os


# MB/s: a good disk, and what a virtual one is promised to give.
RATE = 500


class Disk:
    def __init__(self, work):
        self.number = whole(os.stat(work).st_dev)
        self.group = self.why = None
        for parent, file, value in (("/sys/fs/cgroup/blkio", "blkio.throttle.read_bps_device", "{} {}"), ("/sys/fs/cgroup", "io.max", "{} rbps={}")):
            group = os.path.join(parent, f"incfs-benchmark-{os.getpid()}")
            try:
                if file == "io.max":
                    put(os.path.join(parent, "cgroup.subtree_control"), "+io")
                os.mkdir(group)
                self.file, self.value, self.parent = os.path.join(group, file), value, parent
                if not os.path.exists(self.file):
                    raise FileNotFoundError(f"{self.file} is not there")
                # From the start: who is started from now on is in it as well.
                put(os.path.join(group, "cgroup.procs"), str(os.getpid()))
                self.group = group
                return
            except OSError as error:
                self.why = self.why or str(error)
                if os.path.isdir(group):
                    os.rmdir(group)

    @contextlib.contextmanager
    def at(self, megabytes):
        """Reads at so many MB/s, at most, in the meantime."""
        put(self.file, self.value.format(self.number, megabytes * 1_000_000))
        try:
            yield
        finally:
            put(self.file, self.value.format(self.number, 0 if "blkio" in self.file else "max"))

    def close(self):
        if self.group:
            put(os.path.join(self.parent, "cgroup.procs"), str(os.getpid()))
            with contextlib.suppress(OSError):
                os.rmdir(self.group)


def put(path, text):
    with open(path, "w") as file:
        file.write(text)


def whole(device):
    """“major:minor” of the disk that a file system's device is, or is a partition of."""
    number = f"{os.major(device)}:{os.minor(device)}"
    place = os.path.realpath(f"/sys/dev/block/{number}")
    if os.path.exists(os.path.join(place, "partition")):
        with open(os.path.join(os.path.dirname(place), "dev")) as file:
            number = file.read().strip()
    return number
