#!/usr/bin/env python3
"""Kills the daemon with 'kill -9' every 0.2 to 2 seconds, and stops, kills and restarts its origin, while verifying readers and
a compiler work on the mount and the background fill runs. Prints "ok NAME" or "FAIL NAME why" for each promise, "#" for numbers.

Runs as root in a mount namespace of its own (scripts/torture makes one). The run goes in rounds: each has an empty store and
ends, when everything was fetched, with a check of everything. Rounds take turns with the origin: incfs-origin, nginx.
"""
import argparse
import filecmp
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

# Seconds. Liveness bounds are generous: other work may have the processors.
FILL_SECONDS = 15  # what an undisturbed fill would take
ROUND_SECONDS = 60  # after this a round is brought to its end
STALL_BOUND = 30  # of one read, origin outages taken off
COMMAND_BOUND = 180

parser = argparse.ArgumentParser()
parser.add_argument("--bin", required=True)
parser.add_argument("--work", required=True)
parser.add_argument("--seconds", type=float, default=300)
parser.add_argument("--readers", type=int, default=4)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--keep", action="store_true")
options = parser.parse_args()

work = os.path.join(options.work, "loops")
tree = os.path.join(options.work, "loops-tree")
published = os.path.join(options.work, "loops-published")
probe = os.path.join(options.work, "probe")
incfs = os.path.join(options.bin, "incfs")
results = {}  # promise -> what broke it


def say(text):
    print("# " + text, flush=True)


def broken(promise, why):
    results.setdefault(promise, []).append(why)
    say(f"{promise}: {why}")


def promise(name):
    results.setdefault(name, [])


def command(*arguments, bound=COMMAND_BOUND):
    """Status and output of a command; 124 and what it said when it does not end in time."""
    try:
        done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=bound)
        return done.returncode, done.stdout.decode(errors="replace").strip()
    except subprocess.TimeoutExpired as late:
        return 124, f"did not end within {bound} s: " + (late.stdout or b"").decode(errors="replace")[-200:]


def process_list():
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    yield int(name), file.read().decode(errors="replace").split("\0")
            except OSError:
                pass


def with_store(store):
    """Keepers and daemons of a store, by process id."""
    return {pid: words[0] for pid, words in process_list() if words[0] in ("incfs-keeper", "incfsd") and store in words}


def daemon_of(keeper):
    """The keeper's daemon; killed ones that linger in the kernel are zombies or gone."""
    for pid, words in process_list():
        if words[0] != "incfsd":
            continue
        try:
            with open(f"/proc/{pid}/stat") as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if int(parent) == keeper and state != "Z":
            return pid
    return None


def mounted(mountpoint):
    with open("/proc/self/mountinfo") as file:
        return any(line.split()[4] == mountpoint for line in file)


def make_tree():
    """A real program with everything: Debian's C compiler, and a library of scripts."""
    if not os.path.exists(tree):
        shutil.rmtree(tree + ".new", ignore_errors=True)
        os.makedirs(tree + ".new")
        for source in ("/usr/lib/gcc/x86_64-linux-gnu", "/usr/lib/python3.11", "/usr/lib/python3"):
            if os.path.isdir(source):
                subprocess.run(["cp", "-a", source, tree + ".new/" + os.path.basename(source)], check=True)
        os.rename(tree + ".new", tree)
    files = []
    for directory, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(directory, name)
            if not os.path.islink(path) and "\n" not in path:
                files.append(os.path.relpath(path, tree))
    return sorted(files)


class Origin:
    """The origin of one round. Outages are remembered as pairs of times, the last one may still be open."""

    def __init__(self, kind, rate):
        self.kind = kind
        self.outages = []
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        if kind == "nginx":
            with open(f"{work}/nginx.conf", "w") as file:
                file.write(
                    f"daemon off; master_process off; pid {work}/nginx.pid; error_log {work}/nginx-error.log warn; user root;\n"
                    "events { worker_connections 256; }\n"
                    f"http {{ client_body_temp_path {work}/t1; proxy_temp_path {work}/t2; fastcgi_temp_path {work}/t3;\n"
                    f"uwsgi_temp_path {work}/t4; scgi_temp_path {work}/t5; log_format n '$body_bytes_sent'; access_log {work}/nginx.log n;\n"
                    f"server {{ listen 127.0.0.1:{self.port}; root {published}; limit_rate {rate // 2}; }} }}\n")
            self.arguments = ["nginx", "-p", work, "-c", f"{work}/nginx.conf", "-e", f"{work}/nginx-error.log"]
        else:
            self.arguments = [os.path.join(options.bin, "incfs-origin"), published, "--listen", f"127.0.0.1:{self.port}",
                              "--rate", f"{rate // 1000}kB/s", "--delay", "5ms", "--log", f"{work}/origin.log"]
        self.process = None
        self.before = self.served()
        self.start()

    def start(self):
        with open(f"{work}/origin.out", "ab") as output:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"FAIL origin {self.kind} does not start, see {work}/origin.out")
                time.sleep(0.02)

    def outage(self, how, seconds, over):
        begin = time.monotonic()
        self.outages.append([begin, float("inf")])
        if how == "stop":
            self.process.send_signal(signal.SIGSTOP)
            over.wait(seconds)
            self.process.send_signal(signal.SIGCONT)
        else:
            self.process.kill()
            self.process.wait()
            over.wait(seconds)
            self.start()
        self.outages[-1][1] = time.monotonic()

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def served(self):
        """Bytes of all answers so far."""
        try:
            with open(f"{work}/nginx.log" if self.kind == "nginx" else f"{work}/origin.log") as file:
                return sum(int(line.split()[0 if self.kind == "nginx" else -2]) for line in file)
        except OSError:
            return 0

    def without_outages(self, begin, end):
        return end - begin - sum(max(0, min(end, b) - max(begin, a)) for a, b in self.outages)


class Compiler(threading.Thread):
    """Runs a compiler out of the mount again and again; its output must be what the local one makes."""

    def __init__(self, mountpoint, over):
        super().__init__(daemon=True)
        self.over, self.runs, self.failures = over, 0, []
        found = [os.path.join(d, "cc1") for d, _, names in os.walk(tree) if "cc1" in names]
        self.local = found[0]
        self.remote = os.path.join(mountpoint, os.path.relpath(found[0], tree))
        self.source = f"{work}/sample.c"
        with open(self.source, "w") as file:
            file.write("int main(int n, char **a) { int s = 0; for (int i = 0; i < n; i++) s += a[i][0]; return s; }\n")

    def compile(self, program, output):
        return command(program, "-quiet", "-O2", self.source, "-o", output)

    def run(self):
        self.compile(self.local, f"{work}/local.s")
        while not self.over.is_set():
            status, said = self.compile(self.remote, f"{work}/remote.s")
            self.runs += 1
            if status != 0:
                self.failures.append(f"status {status}: {said[-200:]}")
            elif not filecmp.cmp(f"{work}/local.s", f"{work}/remote.s", shallow=False):
                self.failures.append("other output than the local compiler's")


def drop_store_cache(store):
    """The store's own pages go, so that what is read is checked against its digest again."""
    for directory, _, names in os.walk(store):
        for name in names:
            try:
                file = os.open(os.path.join(directory, name), os.O_RDONLY)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(file)
            except OSError:
                pass


class Round:
    def __init__(self, number, files, size, dice):
        self.number, self.files, self.size, self.dice = number, files, size, dice
        self.mountpoint, self.store = f"{work}/mnt.{number}", f"{work}/store.{number}"
        self.over = threading.Event()
        self.kills = self.drops = 0
        self.totals = {"reads": 0, "bytes": 0, "errors": 0, "wrong": 0}
        self.stalls = []
        self.origin, self.readers = None, []

    def abandon(self):
        """Interrupted: leaves nothing that runs or is mounted."""
        self.over.set()
        for reader in self.readers:
            reader.kill()
        for pid, name in with_store(self.store).items():
            if name == "incfs-keeper":
                os.kill(pid, signal.SIGTERM)
        if self.origin:
            self.origin.end()
        end = time.monotonic() + 20
        while with_store(self.store) and time.monotonic() < end:
            time.sleep(0.1)
        if mounted(self.mountpoint):
            command("umount", "-l", self.mountpoint)

    def call(self, *words, bound=COMMAND_BOUND):
        return command(incfs, *words, "--store", self.store, bound=bound)

    def chaos(self, keeper, deadline):
        """Until everything is fetched and a while longer, or the time is over."""
        complete = None
        outages = []
        while time.monotonic() < deadline and (complete is None or time.monotonic() < complete + 5):
            time.sleep(self.dice.uniform(0.2, 2))
            daemon = daemon_of(keeper)
            if daemon:
                os.kill(daemon, signal.SIGKILL)
                self.kills += 1
            what = self.dice.random()
            if what < 0.2 and not any(o.is_alive() for o in outages):
                how = self.dice.choice(["stop", "kill"])
                outages.append(threading.Thread(target=self.origin.outage, args=(how, self.dice.uniform(0.3, 4), self.over), daemon=True))
                outages[-1].start()
            elif what < 0.35:
                drop_store_cache(self.store)
                self.drops += 1
            if complete is None:
                status, said = self.call("wait", self.mountpoint, "--complete", "--timeout", "0")
                if status == 0:
                    complete = time.monotonic()
                elif status != 7:
                    broken("daemon-answers", f"'incfs wait' after a kill: status {status}: {said[-300:]}")
        self.over.set()
        for outage in outages:
            outage.join()

    def run(self, deadline):
        os.makedirs(self.mountpoint)
        self.origin = Origin(("incfs-origin", "nginx")[self.number % 2], self.size // FILL_SECONDS)
        begin = time.monotonic()
        status, said = self.call("mount", f"http://127.0.0.1:{self.origin.port}/loops.incfs", self.mountpoint)
        if status != 0:
            broken("mounts", f"status {status}: {said}")
            self.origin.end()
            return
        connection = os.minor(os.stat(self.mountpoint).st_dev)
        keeper = next(pid for pid, name in with_store(self.store).items() if name == "incfs-keeper")
        compiler = Compiler(self.mountpoint, self.over)
        self.readers = readers = [
            subprocess.Popen([probe, "loop", self.mountpoint, tree, f"{work}/files", str(self.dice.randrange(1, 1 << 31))], stdout=subprocess.PIPE, text=True)
            for _ in range(options.readers)]
        outputs = [[] for _ in readers]
        threads = [threading.Thread(target=lambda r=r, o=o: o.extend(r.stdout), daemon=True) for r, o in zip(readers, outputs)]
        for thread in threads + [compiler]:
            thread.start()
        self.chaos(keeper, min(deadline, begin + ROUND_SECONDS))

        status, said = self.call("wait", self.mountpoint, "--complete", "--timeout", str(COMMAND_BOUND), bound=COMMAND_BOUND + 20)
        if status != 0:
            broken("fill-completes", f"status {status}: {said[-300:]}")
        for reader in readers:
            reader.send_signal(signal.SIGTERM)
        for reader in readers:
            try:
                reader.wait(STALL_BOUND)
            except subprocess.TimeoutExpired:
                broken("no-reader-hangs", f"reader {reader.pid} does not end")
                reader.kill()
        compiler.join(COMMAND_BOUND + 20)
        for thread in threads:
            thread.join(10)
        for lines in outputs:
            self.take(lines)
        for failure in compiler.failures:
            broken("compiler-runs", failure)
        if compiler.runs == 0:
            broken("compiler-runs", "not one run")
        self.check()
        self.unmount(connection)
        self.origin.end()
        outages = len(self.origin.outages)
        # Each kill loses what was under way; what was stored does not come again.
        fetched = (self.origin.served() - self.origin.before) / self.size
        worst = max((s[0] for s in self.stalls), default=0)
        say(f"round {self.number}, {self.origin.kind}: {time.monotonic() - begin:.0f} s, {self.kills} kills, {outages} outages, {self.drops} cache drops, "
            f"{self.totals['reads']} reads, {self.totals['bytes'] / 1e6:.0f} MB checked, {compiler.runs} compiler runs, {fetched:.2f} times the package served, worst stall {worst:.1f} s outages taken off")
        if not options.keep:
            shutil.rmtree(self.store, ignore_errors=True)

    def take(self, lines):
        if not lines or not lines[-1].startswith("total "):
            broken("no-reader-hangs", "a reader ended without its counts: " + (lines[-1].strip() if lines else "no output"))
        for line in lines:
            if match := re.match(r"total (\d+) reads (\d+) bytes (\d+) errors (\d+) wrong", line):
                for name, value in zip(self.totals, match.groups()):
                    self.totals[name] += int(value)
            elif line.startswith("error "):
                broken("no-read-error", line.strip())
            elif line.startswith("wrong "):
                broken("no-wrong-byte", line.strip())
            elif line.startswith("stall "):
                _, begin, end, what = line.split(" ", 3)
                net = self.origin.without_outages(float(begin), float(end))
                self.stalls.append((net, float(end) - float(begin), what.strip()))

    def check(self):
        """Everything once more, from the disk, without disturbance."""
        drop_store_cache(self.store)
        status, said = self.call("verify", self.mountpoint)
        if status != 0:
            broken("store-verifies", f"status {status}: {said[-300:]}")
        for name in self.files:
            path = os.path.join(self.mountpoint, name)
            try:
                file = os.open(path, os.O_RDONLY)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(file)
                same = filecmp.cmp(path, os.path.join(tree, name), shallow=False)
            except OSError as error:
                broken("no-read-error", f"{name}: {error}")
                continue
            if not same:
                broken("no-wrong-byte", f"{name} after the round")

    def unmount(self, connection):
        status, said = self.call("unmount", self.mountpoint)
        if status != 0:
            broken("unmounts", f"status {status}: {said}")
        self.call("stop")
        end = time.monotonic() + 30
        while with_store(self.store) and time.monotonic() < end:
            time.sleep(0.1)
        if left := with_store(self.store):
            broken("nothing-left", f"processes {left}")
        if mounted(self.mountpoint):
            broken("nothing-left", f"{self.mountpoint} is mounted")
            command("umount", "-l", self.mountpoint)
        if os.path.exists(f"/sys/fs/fuse/connections/{connection}"):
            broken("nothing-left", f"FUSE connection {connection}")


def interrupted(number, frame):
    raise SystemExit(128 + number)


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    promises = ["mounts", "daemon-answers", "no-read-error", "no-wrong-byte", "no-reader-hangs", "no-long-stall", "compiler-runs",
                "fill-completes", "store-verifies", "unmounts", "nothing-left"]
    for name in promises:
        promise(name)
    shutil.rmtree(work, ignore_errors=True)
    # Sockets and log of this run only; gone with the mount namespace.
    for place in ("/run/incfs", "/var/log"):
        os.makedirs(place, exist_ok=True)
        os.makedirs(f"{work}{place}", mode=0o700)
        subprocess.run(["mount", "--bind", f"{work}{place}", place], check=True)
    files = make_tree()
    with open(f"{work}/files", "w") as file:
        file.write("\n".join(files) + "\n")
    shutil.rmtree(published, ignore_errors=True)
    status, said = command(incfs, "publish", tree, "-o", published, "--name", "loops", "--level", "3", bound=600)
    if status != 0:
        raise SystemExit(f"FAIL publish {said}")
    size = sum(os.path.getsize(os.path.join(published, name)) for name in os.listdir(published))
    say(f"{len(files)} files, {size / 1e6:.0f} MB published; {options.seconds:.0f} s, {options.readers} readers, seed {options.seed}, Linux {os.uname().release}")
    dice = random.Random(options.seed)
    deadline = time.monotonic() + options.seconds
    rounds = []
    while time.monotonic() < deadline and not results["mounts"]:
        rounds.append(Round(len(rounds), files, size, dice))
        try:
            rounds[-1].run(deadline)
        except BaseException:
            rounds[-1].abandon()
            raise
    stalls = sorted((s for r in rounds for s in r.stalls), reverse=True)
    for net, whole, what in stalls[:5]:
        say(f"stall of {net:.2f} s ({whole:.2f} s with the outages in it): {what}")
    if stalls and stalls[0][0] > STALL_BOUND:
        broken("no-long-stall", f"{stalls[0][0]:.1f} s: {stalls[0][2]}")
    kills = sum(r.kills for r in rounds)
    say(f"{len(rounds)} rounds, {kills} kills, {sum(r.totals['reads'] for r in rounds)} reads, {len(stalls)} of them over 0.1 s, "
        f"worst stall {stalls[0][0] if stalls else 0:.2f} s outages taken off, {max((s[1] for s in stalls), default=0):.2f} s with them")
    if kills == 0:
        broken("daemon-answers", "there was no daemon to kill")
    for name, failures in results.items():
        if results["mounts"] and not failures:
            continue  # nothing was tried
        print(f"FAIL {name} {len(failures)} times, first: {failures[0]}" if failures else f"ok {name}", flush=True)
    if not options.keep and not any(results.values()):
        shutil.rmtree(work, ignore_errors=True)
    return 1 if any(results.values()) else 0


sys.exit(main())
