"""Reads of present data: from the page cache, from the daemon, from the disk."""
import os

from .disk import RATE
from .stage import CServer, Store, drop, publish_file, random_file, readers, sync_file, warm


class Present:
    """One file of random bytes in two stores, one daemon that checks and one that does not, and the C servers over the same files."""

    def __init__(self, stage, megabytes):
        self.stage = stage
        source = stage.path("random.bin")
        random_file(source, megabytes)
        _, self.envelope = publish_file(stage, source, "random")
        self.checked = Store(stage, stage.path("store.checked"))
        self.unchecked = Store(stage, stage.path("store.unchecked"), "--no-verify")
        self.place = {}
        for store in (self.checked, self.unchecked):
            self.place[store] = store.mount(self.envelope)
            store.wait(self.place[store])
            self.remount(store)
        os.remove(source)
        self.plain_c = CServer(stage, self.backing(self.unchecked))
        self.hash_c = CServer(stage, self.backing(self.checked), "--hash")
        for store in (self.checked, self.unchecked):
            sync_file(self.backing(store))
            warm(self.backing(store))

    def backing(self, store):
        return store.objects()[0]

    def file(self, store):
        return os.path.join(self.place[store], "data")

    def remount(self, store):
        """A new mount, whose pages the kernel does not have."""
        store.unmount(self.place[store])
        self.place[store] = store.mount(self.envelope, self.place[store])


    def end(self):
        for server in (self.plain_c, self.hash_c):
            server.end()
        for store in (self.checked, self.unchecked):
            store.unmount(self.place[store])
            store.remove()


def interleaved(pairs, ours, theirs):
    """Runs both in turn, who begins alternating; returns both lists."""
    a, b = [], []
    for i in range(pairs):
        if i % 2 == 0:
            a.append(ours())
            b.append(theirs())
        else:
            b.append(theirs())
            a.append(ours())
    return a, b


def ratios(a, b):
    return [x / y for x, y in zip(a, b)]


def warm_reads(present, table, pairs):
    stage, group = present.stage, "Warm: a present file in the page cache, against the same file on ext4"
    ours, theirs = present.file(present.checked), present.backing(present.checked)
    warm(ours)
    a, b = interleaved(
        pairs, lambda: readers(stage, "seq", ours, "--keep-cache")["mb_per_s"], lambda: readers(stage, "seq", theirs, "--keep-cache")["mb_per_s"])
    table.add(group, "sequential, rate", ratios(a, b), 0.95, ours=a, theirs=b, absolute="MB/s")
    c = present.plain_c.file
    warm(c)
    a, b = interleaved(
        pairs, lambda: readers(stage, "seq", c, "--keep-cache")["mb_per_s"], lambda: readers(stage, "seq", theirs, "--keep-cache")["mb_per_s"])
    table.add(group, "sequential, rate, the C server's mount : ext4", ratios(a, b), None, ours=a, theirs=b, absolute="MB/s")
    reads = ("--reads", "200000")
    a, b = interleaved(
        pairs, lambda: readers(stage, "rand", ours, "--keep-cache", *reads)["iops"] / 1e3,
        lambda: readers(stage, "rand", theirs, "--keep-cache", *reads)["iops"] / 1e3)
    table.add(group, "random 4 KiB, rate", ratios(a, b), 0.95, ours=a, theirs=b, absolute="k/s")


def sequential(present, table, pairs):
    stage, group = present.stage, "Sequential: data file in the page cache, the mount's cache cold, against the C server"

    def rate(path):
        return readers(stage, "seq", path)["mb_per_s"]

    a, b = interleaved(pairs, lambda: rate(present.file(present.unchecked)), lambda: rate(present.plain_c.file))
    table.add(group, "without checking : C server", ratios(a, b), 0.8, ours=a, theirs=b, absolute="MB/s")
    a, b = interleaved(pairs, lambda: rate(present.file(present.checked)), lambda: rate(present.hash_c.file))
    table.add(group, "every block hashed : C server that hashes", ratios(a, b), 0.8, ours=a, theirs=b, absolute="MB/s")


def random_reads(present, table, pairs):
    stage, group = present.stage, "Random 4 KiB: same state, against the same C servers"
    state = {"seed": 0}

    def read(path, threads):
        state["seed"] += 1
        return readers(stage, "rand", path, "--threads", threads, "--reads", 20000 // threads, "--seed", state["seed"])

    def measure(name, ours, theirs):
        for threads in (1, 2, 4):
            a, b = interleaved(pairs, lambda: ours(threads), lambda: theirs(threads))
            if threads == 1:
                for key, bound in (("p50_us", 1.3), ("p99_us", 2.0)):
                    x, y = [r[key] for r in a], [r[key] for r in b]
                    table.add(group, f"{name}, 1 reader, {key[:3]}", ratios(x, y), bound, at_least=False, unit="x", ours=x, theirs=y, absolute="us")
            else:
                x, y = [r["iops"] / 1e3 for r in a], [r["iops"] / 1e3 for r in b]
                table.add(group, f"{name}, {threads} readers, rate", ratios(x, y), 0.75, ours=x, theirs=y, absolute="k/s")

    measure("without checking", lambda n: read(present.file(present.unchecked), n), lambda n: read(present.plain_c.file, n))
    measure("block hashed", lambda n: read(present.file(present.checked), n), lambda n: read(present.hash_c.file, n))


def cold(present, table, pairs):
    stage, group = present.stage, "Cold: nothing in the page cache, against ext4"
    ours, backing = present.file(present.checked), present.backing(present.checked)

    def from_disk(path, *arguments):
        drop(backing)
        drop(ours)
        return readers(stage, arguments[0], path, *arguments[1:])

    a, b = interleaved(pairs, lambda: from_disk(ours, "seq")["mb_per_s"], lambda: from_disk(backing, "seq")["mb_per_s"])
    table.add(group, "sequential, rate", ratios(a, b), 0.9, ours=a, theirs=b, absolute="MB/s")
    if stage.disk.group:
        with stage.disk.at(RATE):
            a, b = interleaved(pairs, lambda: from_disk(ours, "seq")["mb_per_s"], lambda: from_disk(backing, "seq")["mb_per_s"])
        table.add(group, f"sequential, rate, on a disk of {RATE} MB/s", ratios(a, b), 0.9, ours=a, theirs=b, absolute="MB/s")
    else:
        print(f"no disk of {RATE} MB/s: {stage.disk.why}", flush=True)
    c, c_backing = present.plain_c.file, present.backing(present.unchecked)

    def from_c(*arguments):
        drop(c_backing)
        drop(c)
        return readers(stage, arguments[0], c, *arguments[1:])

    a, b = interleaved(pairs, lambda: from_c("seq")["mb_per_s"], lambda: from_disk(backing, "seq")["mb_per_s"])
    table.add(group, "sequential, rate, the C server : ext4", ratios(a, b), None, ours=a, theirs=b, absolute="MB/s")
    seed = {"n": 0}

    def some():
        seed["n"] += 1
        return ("rand", "--reads", 3000, "--seed", seed["n"] // 2)

    a, b = interleaved(pairs, lambda: from_disk(ours, *some())["p50_us"], lambda: from_disk(backing, *some())["p50_us"])
    table.add(group, "random 4 KiB, p50, more than ext4", [x - y for x, y in zip(a, b)], 25, at_least=False, unit="us", ours=a, theirs=b, absolute="us")
    a, b = interleaved(pairs, lambda: from_c(*some())["p50_us"], lambda: from_disk(backing, *some())["p50_us"])
    table.add(group, "random 4 KiB, p50, the C server more than ext4", [x - y for x, y in zip(a, b)], unit="us", ours=a, theirs=b, absolute="us")
    warm(c_backing)
    warm(backing)
