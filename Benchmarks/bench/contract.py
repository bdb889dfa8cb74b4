"""Contract mounts: filling, cold reads, a reader that waits, many that wait, mounting."""
import glob
import json
import os
import shutil
import time

from .disk import RATE
from .reads import interleaved, ratios
from .stage import LIBC, ROOT, await_true, drop, readers, run, sync_file

# Kinds of content, as `contract make` has them.
RAW, LZ4, RUN, TREE = "raw", "lz4", "run", "tree"


class Mount:
    """A backing directory with its mount and its daemon."""

    def __init__(self, stage, options="", backing=None):
        self.stage = stage
        self.backing = backing or stage.fresh("backing")
        self.place = stage.fresh("contract")
        began = time.monotonic()
        run(stage.tool("incfs"), "mount", "--backing", self.backing, self.place, *(["-o", options] if options else []))
        os.stat(self.place)
        self.seconds = time.monotonic() - began

    def contract(self, what, *arguments):
        return json.loads(run(self.stage.path("contract"), what, self.place, *arguments))

    def daemon(self):
        """The daemon's process."""
        wanted = b"\0serve\0" + os.path.realpath(self.backing).encode() + b"\0"
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as file:
                    if file.read().endswith(wanted):
                        return int(path.split("/")[2])
            except OSError:
                continue
        raise RuntimeError(f"{self.backing} has no daemon")

    def end(self, remove=True):
        pid = self.daemon()
        if LIBC.umount2(self.place.encode(), 0) != 0:
            raise RuntimeError(f"{self.place} cannot be unmounted")
        await_true(lambda: not os.path.exists(f"/proc/{pid}"), 60, "the daemon ends")
        os.rmdir(self.place)
        if remove:
            remove_backing(self.backing)


def remove_backing(path):
    """A moment after the last unmount the daemon takes away what it had made there: perhaps in this one."""
    def complain(_, __, error):
        if not issubclass(error[0], FileNotFoundError):
            raise error[1]

    shutil.rmtree(path, onerror=complain)


def filling(stage, table, pairs, megabytes):
    group = "Contract: FILL_BLOCKS, 32 blocks a call"
    raw, lz4, plain, raw_long, lz4_long, single = [], [], [], [], [], []

    def fill(kind, call=32, size=megabytes):
        mount = Mount(stage)
        made = mount.contract("make", "data", size, kind, "--call", call)
        mount.end()
        return made["blocks_per_s"] / 1e3

    def write():
        path = stage.path("plain.bin")
        made = json.loads(run(stage.path("contract"), "plain", path, megabytes))
        os.remove(path)
        return made["blocks_per_s"] / 1e3

    steps = [
        (raw, lambda: fill(RAW)), (plain, write), (lz4, lambda: fill(LZ4)), (raw_long, lambda: fill(RAW, 64)), (lz4_long, lambda: fill(LZ4, 64)),
        (single, lambda: 1e3 / fill(LZ4, 1, megabytes // 8)),
    ]
    for number in range(pairs):
        for values, step in steps[number % len(steps):] + steps[:number % len(steps)]:
            values.append(step())
    table.add(group, "raw : plain buffered writes of 4 KiB to ext4, blocks", ratios(raw, plain), 0.4, ours=raw, theirs=plain, absolute="k/s")
    table.add(group, "LZ4 of 5 : 1 : raw, blocks", ratios(lz4, raw), 2.5, ours=lz4, theirs=raw, absolute="k/s")
    table.add(group, "LZ4 of 5 : 1, 64 a call : raw, 64 a call", ratios(lz4_long, raw_long), ours=lz4_long, theirs=raw_long, absolute="k/s")
    table.add(group, "LZ4 of 5 : 1, 64 a call : raw, 32 a call", ratios(lz4_long, raw), ours=lz4_long, theirs=raw, absolute="k/s")
    table.add(group, "a call of one LZ4 block", single, unit="us")


def cold(stage, table, pairs, megabytes):
    group = "Contract: cold sequential read of a complete file, against ext4"
    plain = stage.path("plain.bin")
    run(stage.path("contract"), "plain", plain, megabytes)
    backing = stage.fresh("backing")
    mount = Mount(stage, backing=backing)
    for kind in (RAW, LZ4, RUN, TREE):
        mount.contract("make", kind, megabytes, kind)
    if run("cmp", plain, os.path.join(mount.place, RAW)) or run("cmp", plain, os.path.join(mount.place, TREE)):
        raise RuntimeError("what was stored is not what is read")
    mount.end(remove=False)

    def rate(kind):
        for path in (os.path.join(backing, kind), os.path.join(mount.place, kind)):
            drop(path)
        return readers(stage, "seq", os.path.join(mount.place, kind))["mb_per_s"]

    def ext4():
        drop(plain)
        return readers(stage, "seq", plain)["mb_per_s"]

    def compare(name):
        for kind, what, reach in ((RAW, "raw", 0.9), (LZ4, "LZ4 of 5 : 1", 1.2), (RUN, "LZ4 of 5 : 1, long runs", 1.2), (TREE, "raw with hash tree", 0.8)):
            sync_file(os.path.join(backing, kind))
            a, b = interleaved(pairs, lambda: rate(kind), ext4)
            table.add(group, f"{what}, {name}", ratios(a, b), reach, ours=a, theirs=b, absolute="MB/s")

    for options, name in (("", "readahead 10, the default"), ("readahead=256", "readahead 256")):
        mount = Mount(stage, options, backing=backing)
        compare(name)
        if stage.disk.group:
            with stage.disk.at(RATE):
                compare(f"{name}, a disk of {RATE} MB/s")
        else:
            print(f"no disk of {RATE} MB/s: {stage.disk.why}", flush=True)
        mount.end(remove=False)
    remove_backing(backing)
    os.remove(plain)


def latency(stage, table, pairs):
    group = "Contract: reader blocked, poll returns, block filled, reader has its byte"
    rounds = []
    for _ in range(pairs):
        mount = Mount(stage, "readahead=0")
        rounds.append(mount.contract("latency", 2000))
        mount.end()
    table.add(group, "p50", [r["p50_us"] for r in rounds], 200, at_least=False, unit="us")
    table.add(group, "p99", [r["p99_us"] for r in rounds], 1000, at_least=False, unit="us")


def pending(stage, table, count=10_000):
    group = f"Contract: {count:,} reads wait at once, filled in random order"
    for who, arguments in (("root", ()), ("an ordinary user", ("--uid", 65534))):
        mount = Mount(stage, "readahead=0,read_timeout_ms=600000")
        made = mount.contract("pending", count, "--pid", mount.daemon(), *arguments)
        mount.end()
        table.add(group, f"waiting at once, {who}", [made["waiting"]], count)
        table.add(group, f"answered wrongly or not at all, {who}", [made["wrong"] + count - made["answered"]], 0, at_least=False)
        table.add(group, f"more resident memory of the daemon, {who}", [(made["rss_full_kb"] - made["rss_before_kb"]) / 1024], 5, at_least=False, unit="MiB",
                  absolute=f"gathered in {made['gather_s']:.2f} s, filled in {made['fill_s']:.2f} s")


def mounting(stage, table, pairs, files=100):
    group = f"Contract: mounting a backing directory with {files} files of 1 GB, fully loaded"
    backing = stage.fresh("backing")
    mount = Mount(stage, backing=backing)
    # Blocks of one file, which all the others share: a filling of each would take minutes.
    mount.contract("make", "0", 1000, LZ4)
    mount.end(remove=False)
    original = os.path.join(backing, "0")
    for number in range(1, files):
        identity = os.urandom(16)
        path = os.path.join(backing, str(number))
        run("cp", "--reflink=auto", "--preserve=mode,xattr", original, path)
        with open(path, "r+b") as file:
            file.seek(40)
            file.write(identity)
        os.setxattr(path, "user.incfs.id", identity.hex().encode())
        os.link(path, os.path.join(backing, ".index", identity.hex()))
    times, reads = [], []
    for _ in range(pairs):
        mount = Mount(stage, backing=backing)
        times.append(mount.seconds * 1000)
        began = time.monotonic()
        for number in range(files):
            with open(os.path.join(mount.place, str(number)), "rb", buffering=0) as file:
                file.seek(999_000_000)
                if len(file.read(1)) != 1:
                    raise RuntimeError("a file cannot be read")
        reads.append((time.monotonic() - began) * 1000)
        mount.end(remove=False)
    table.add(group, "incfs mount, start to usable", times, 50, at_least=False, unit="ms")
    table.add(group, "then a byte of every file", reads, unit="ms")
    remove_backing(backing)


def measure(stage, table, pairs, megabytes):
    run("cc", "-O2", "-Wall", "-I", os.path.join(ROOT, "Sources", "CIncrementalFS", "include"), "-o", stage.path("contract"),
        os.path.join(ROOT, "Benchmarks", "contract.c"), "-llz4", "-lcrypto", "-lpthread")
    size = max(megabytes // 4, 32)
    filling(stage, table, pairs, size)
    cold(stage, table, pairs, size * 2)
    latency(stage, table, pairs)
    pending(stage, table)
    mounting(stage, table, max(pairs, 10))

