"""What the measurements run on: files, packages, stores with their daemons, mounts, C servers, web servers."""
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from .disk import Disk

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(HERE)
LIBC = ctypes.CDLL(None, use_errno=True)


class Stage:
    """A work directory on ext4 and all that was started; `close` ends and removes everything."""

    def __init__(self, work, release):
        self.work, self.release = work, release
        self.closers = []
        os.makedirs(work, exist_ok=True)
        self.counter = 0
        self.disk = Disk(work)
        self.on_close(self.disk.close)

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def fresh(self, stem):
        self.counter += 1
        path = self.path(f"{stem}.{self.counter}")
        os.makedirs(path)
        return path

    def tool(self, name):
        return os.path.join(self.release, name)

    def on_close(self, body):
        self.closers.append(body)

    def close(self):
        """Unmounts what is still mounted below the work directory, ends what was started, removes all."""
        with open("/proc/self/mountinfo") as mounts:
            places = [line.split()[4] for line in mounts]
        for place in places:
            if place.startswith(self.work + "/"):
                LIBC.umount2(place.encode(), 2)
        for body in reversed(self.closers):
            try:
                body()
            except Exception as error:  # the rest has to be cleaned up all the same
                print(f"cleaning up: {error}")
        shutil.rmtree(self.work, ignore_errors=True)


def run(*arguments, **options):
    """Runs a program, and says what it said if it fails."""
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def compile_c(stage):
    for name, source, libraries in (("readers", "readers.c", ["-lpthread"]), ("fuse_min", "cserver/fuse_min.c", ["-lcrypto", "-lpthread"])):
        run("cc", "-O2", "-Wall", "-o", stage.path(name), os.path.join(HERE, source), *libraries)


def readers(stage, *arguments):
    return json.loads(run(stage.path("readers"), *arguments))


def drop(path):
    """Drops a clean file's pages from the page cache."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def warm(path):
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def sync_file(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def await_true(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.005)


class Store:
    """A store with a keeper of ours, so that the daemon can be given arguments that the command does not have."""

    def __init__(self, stage, directory, *daemon_arguments):
        self.stage, self.directory = stage, directory
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self.daemon_arguments = daemon_arguments
        self.keeper = None
        stage.on_close(self.end)
        self.start()

    def socket_path(self):
        value = 0xCBF29CE484222325
        for byte in os.path.realpath(self.directory).encode():
            value = ((value ^ byte) * 0x100000001B3) % (1 << 64)
        return f"/run/incfs/{value:016x}.sock"

    def start(self):
        os.makedirs("/run/incfs", mode=0o700, exist_ok=True)
        ready, report = os.pipe()
        arguments = [
            self.stage.tool("incfs-keeper"), "--store", os.path.realpath(self.directory), "--socket", self.socket_path(),
            "--daemon", self.stage.tool("incfsd"), "--log", self.stage.path("daemon.log"), "--", "--linger", "600", *self.daemon_arguments,
        ]

        def with_report():
            # The keeper reports on descriptor 3 and expects nothing else.
            os.dup2(report, 3)

        self.keeper = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=with_report, pass_fds=(3, report))
        os.close(report)
        word = os.read(ready, 4096)
        os.close(ready)
        if word[:1] != b"R":
            raise RuntimeError(f"the keeper did not start: {word.decode(errors='replace')}")

    def incfs(self, *arguments):
        return run(self.stage.tool("incfs"), *arguments, "--store", self.directory)

    def mount(self, address, place=None, *options):
        place = place or self.stage.fresh("mnt")
        self.incfs("mount", address, place, "--insecure", *options)
        return place

    def unmount(self, place):
        self.incfs("unmount", place)

    def wait(self, place):
        self.incfs("wait", place, "--complete")

    def status(self):
        return json.loads(self.incfs("status", "--json"))

    def daemon_pid(self):
        return self.status()["daemon_pid"]

    def objects(self):
        """Complete objects, the largest first."""
        found = []
        for directory, _, names in os.walk(os.path.join(self.directory, "objects")):
            found += [os.path.join(directory, name) for name in names if not name.endswith(".leaves")]
        return sorted(found, key=os.path.getsize, reverse=True)

    def end(self):
        if self.keeper is None:
            return
        self.keeper.send_signal(signal.SIGTERM)
        try:
            self.keeper.wait(20)
        except subprocess.TimeoutExpired:
            self.keeper.kill()
            self.keeper.wait()
        self.keeper = None

    def remove(self):
        self.end()
        shutil.rmtree(self.directory, ignore_errors=True)


class CServer:
    """The C server over one file. It ends when it is unmounted."""

    def __init__(self, stage, backing, *options):
        self.mountpoint = stage.fresh("c")
        self.process = subprocess.Popen([stage.path("fuse_min"), backing, self.mountpoint, *options], stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError("the C server did not start")
        self.file = os.path.join(self.mountpoint, "data")
        stage.on_close(self.end)

    def end(self):
        if self.process is None:
            return
        LIBC.umount2(self.mountpoint.encode(), 2)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.process = None


class Origin:
    """incfs-origin over a directory, with a log of its requests."""

    def __init__(self, stage, directory, *options):
        self.log = stage.path("origin.log")
        open(self.log, "w").close()
        self.process = subprocess.Popen(
            [stage.tool("incfs-origin"), "--listen", "127.0.0.1:0", "--log", self.log, *options, "--", directory],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if not found:
            raise RuntimeError(f"incfs-origin did not start: {line}")
        self.url = found.group(0).rstrip("/").rstrip(".")
        stage.on_close(self.end)

    def requests(self):
        with open(self.log) as log:
            return [line.split() for line in log]

    def end(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


class Nginx:
    """Debian's nginx over a directory."""

    def __init__(self, stage, directory):
        home = stage.fresh("nginx")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with open(os.path.join(home, "nginx.conf"), "w") as file:
            file.write(
                f"""daemon off; master_process off; pid nginx.pid; error_log error.log warn; user root;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
    server {{ listen 127.0.0.1:{port}; root {directory}; }}
}}
""")
        self.process = subprocess.Popen(
            ["/usr/sbin/nginx", "-p", home, "-c", os.path.join(home, "nginx.conf"), "-e", os.path.join(home, "error.log")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}"

        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        await_true(answers, 5, "nginx answers")
        stage.on_close(self.end)

    def end(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


def publish(stage, directory, output, name, *options):
    """Publishes and returns what the command prints as JSON."""
    return json.loads(run(stage.tool("incfs"), "publish", directory, "-o", output, "--name", name, "--json", *options))


def publish_file(stage, source, name):
    """A package of one file called `data`; returns the directory with the package and its envelope."""
    tree = stage.path(name + ".tree")
    os.makedirs(tree)
    os.link(source, os.path.join(tree, "data"))
    output = stage.path(name + ".out")
    publish(stage, tree, output, name)
    return output, os.path.join(output, name + ".incfs")


def random_file(path, megabytes):
    """Bytes that no compressor makes shorter."""
    with open(path, "wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())


def sample_of(directory, path, megabytes):
    """The largest files of a directory one behind the other, up to so many megabytes: real bytes of programs."""
    files = []
    for parent, _, names in os.walk(directory):
        for name in names:
            full = os.path.join(parent, name)
            if os.path.isfile(full) and not os.path.islink(full):
                files.append((os.path.getsize(full), full))
    left = megabytes << 20
    with open(path, "wb") as output:
        for _, full in sorted(files, reverse=True):
            with open(full, "rb") as file:
                while left > 0:
                    piece = file.read(min(1 << 20, left))
                    if not piece:
                        break
                    output.write(piece)
                    left -= len(piece)
            if left == 0:
                break
        output.flush()
        os.fsync(output.fileno())
    return (megabytes << 20) - left
