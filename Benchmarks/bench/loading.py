"""Missing blocks, background fill, publishing, mounting."""
import json
import os
import shutil
import subprocess
import tempfile
import time

from .reads import interleaved, ratios
from .stage import Nginx, Origin, Store, publish, publish_file, random_file, readers, run, sample_of, warm

PUBLISH = "Publish, level 3, against zstd -3 -T2 of the same bytes"
# Bytes that a mount asks for first (PackageHead.firstRequestLength).
FIRST_REQUEST = 320 * 1024


def missing(stage, table, pairs, megabytes, toolchain):
    group = "Missing: every block missing, a local file as source that answers at once, against every block present"
    for kind in ("stored as it is", "compressed"):
        source = stage.path("missing.bin")
        if kind == "compressed":
            if not toolchain:
                continue
            sample_of(toolchain, source, megabytes)
        else:
            random_file(source, megabytes)
        output, envelope = publish_file(stage, source, "missing-" + kind.split()[0])
        os.remove(source)
        a, b = [], []
        for _ in range(pairs):
            store = Store(stage, stage.fresh("store"))
            place = store.mount(envelope, None, "--no-fill")
            file = os.path.join(place, "data")
            a.append(readers(stage, "seq", file)["mb_per_s"])
            # Hashed whole and synced, or that would go on under the next read.
            store.wait(place)
            store.unmount(place)
            store.mount(envelope, place, "--no-fill")
            b.append(readers(stage, "seq", file)["mb_per_s"])
            store.unmount(place)
            store.remove()
        table.add(group, f"sequential, {kind} : present, a second mount", ratios(a, b), 0.5, ours=a, theirs=b, absolute="MB/s")
        shutil.rmtree(output)
        shutil.rmtree(stage.path("missing-" + kind.split()[0] + ".tree"))


def fill(stage, table, pairs, megabytes, toolchain):
    group = "Background fill from nginx, against curl | zstd -d | tee FILE | sha256sum"
    www = stage.path("www")
    sample = stage.path("sample.bin")
    if toolchain:
        sample_of(toolchain, sample, megabytes)
    else:
        random_file(sample, megabytes)
    output, _ = publish_file(stage, sample, "sample")
    os.rename(output, www)
    run("zstd", "-q", "-3", "-f", sample, "-o", os.path.join(www, "sample.zst"))
    server = Nginx(stage, www)
    for name in os.listdir(www):
        warm(os.path.join(www, name))
    size = os.path.getsize(sample)

    def ours():
        store = Store(stage, stage.fresh("store"))
        began = time.monotonic()
        place = store.mount(f"{server.url}/sample.incfs")
        store.wait(place)
        seconds = time.monotonic() - began
        store.unmount(place)
        store.remove()
        return size / 1e6 / seconds

    def theirs():
        target = stage.path("curl.out")
        began = time.monotonic()
        subprocess.run(
            ["bash", "-c", f"set -o pipefail; curl -s {server.url}/sample.zst | zstd -dc | tee {target} | sha256sum"], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - began
        os.remove(target)
        return size / 1e6 / seconds

    a, b = interleaved(pairs, ours, theirs)
    table.add(group, "mount until complete (synced, hashed whole, renamed)", ratios(a, b), 0.8, ours=a, theirs=b, absolute="MB/s")
    server.end()
    shutil.rmtree(www)


def child(arguments):
    """Runs a program; seconds, peak resident bytes, and what it said."""
    began = time.monotonic()
    complaints = tempfile.TemporaryFile()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=complaints)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        complaints.seek(0)
        raise RuntimeError(f"{arguments}: {complaints.read().decode(errors='replace')}")
    return time.monotonic() - began, usage.ru_maxrss * 1024, said


def publishing(stage, table, pairs, megabytes, toolchain):
    group = PUBLISH
    if not toolchain:
        return
    tree = stage.path("publish.tree")
    os.makedirs(tree, exist_ok=True)
    sample = os.path.join(tree, "data")
    size = sample_of(toolchain, sample, megabytes)
    peaks = []

    def ours():
        output = stage.fresh("publish.out")
        seconds, peak, _ = child([stage.tool("incfs"), "publish", tree, "-o", output, "--name", "p", "--level", "3"])
        peaks.append(peak / (1 << 20))
        shutil.rmtree(output)
        return size / 1e6 / seconds

    def theirs():
        target = stage.path("publish.zst")
        seconds, _, _ = child(["zstd", "-q", "-3", "-T2", "-f", sample, "-o", target])
        os.remove(target)
        return size / 1e6 / seconds

    a, b = interleaved(pairs, ours, theirs)
    table.add(group, "rate", ratios(a, b), 0.7, ours=a, theirs=b, absolute="MB/s")
    table.add(group, "peak memory, this input", peaks, 300, at_least=False, unit="MiB")
    shutil.rmtree(tree)


class Toolchain:
    """The Swift toolchain, published once."""

    def __init__(self, stage, table, directory):
        self.output = stage.path("toolchain.out")
        seconds, peak, said = child([stage.tool("incfs"), "publish", directory, "-o", self.output, "--name", "toolchain", "--json"])
        self.tree_bytes = json.loads(said)["tree_bytes"]
        table.add(PUBLISH, f"peak memory, the whole toolchain (took {seconds:.0f} s)", [peak / (1 << 20)], 300, at_least=False, unit="MiB")


def mounting(stage, table, pairs, toolchain):
    group = "incfs mount until usable, the Swift toolchain, 10 ms for each answer"
    origin = Origin(stage, toolchain.output, "--delay", "10ms")
    url = f"{origin.url}/toolchain.incfs"
    incfs = stage.tool("incfs")
    requests = []

    def timed(store_directory, place):
        before = len(origin.requests())
        began = time.monotonic()
        run(incfs, "mount", url, place, "--store", store_directory, "--insecure", "--no-fill")
        os.listdir(place)
        seconds = time.monotonic() - began
        # The log tells which requests were answered before the mount stood: those of the envelope's first bytes.
        seen = [line for line in origin.requests()[before:] if line[2].endswith(".incfs")]
        requests.append(seen)
        return seconds * 1000

    def warm_daemon():
        directory = stage.fresh("store")
        store = Store(stage, directory)
        # Answers once the daemon is up.
        store.status()
        place = stage.fresh("mnt")
        value = timed(directory, place)
        store.unmount(place)
        store.remove()
        return value

    def cold_daemon():
        directory = stage.fresh("store")
        place = stage.fresh("mnt")
        value = timed(directory, place)
        run(incfs, "unmount", place, "--store", directory)
        # Keeper and daemon end by themselves some seconds later; they have nothing more to do with the directory.
        return value

    a, b = interleaved(pairs, warm_daemon, cold_daemon)
    table.add(group, "daemon runs", a, 100, at_least=False, unit="ms")
    table.add(group, "daemon has to be started, empty store", b, 300, at_least=False, unit="ms")
    # What the mount itself waits for begins at the envelope's start, or where the first request ended; the rest are index
    # pages, asked for in the background.
    heads = [sum(1 for line in seen if line[3].split("-")[0] in ("bytes=0", f"bytes={FIRST_REQUEST}", "")) for seen in requests]
    table.add(group, "round trips for envelope and tree", heads, 1, at_least=False)
    table.add(group, "tree as it is fetched", [toolchain.tree_bytes / 1024], 256, at_least=False, unit="KiB")
    origin.end()


def memory(stage, table, toolchain, seconds):
    group = "Daemon's memory with the Swift toolchain mounted and filling from nginx"
    server = Nginx(stage, toolchain.output)
    store = Store(stage, stage.fresh("store"))
    place = store.mount(f"{server.url}/toolchain.incfs")
    pid = store.daemon_pid()
    resident, anonymous = [], []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        values = {}
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith(("VmHWM", "VmRSS", "RssAnon")):
                    values[line.split(":")[0]] = int(line.split()[1]) / 1024
        resident.append(values["VmHWM"])
        anonymous.append(values["RssAnon"])
        if store.status()["mounts"][0]["complete"]:
            break
        time.sleep(0.1)
    done = store.status()["mounts"][0]
    share = done["blocks_present"] / done["blocks_total"]
    table.add(group, f"peak resident (until {share:.0%} were present)", [max(resident)], 96, at_least=False, unit="MiB", absolute=f"anonymous {max(anonymous):.0f} MiB")
    store.unmount(place)
    store.remove()
    server.end()
