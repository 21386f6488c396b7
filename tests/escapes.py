"""What hostile code would try from inside a decoder. Each attempt returns what it got out of it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from components.base import processes

_LIBC = ctypes.CDLL(None, use_errno=True)
# System calls that the C library has no function for, by their numbers on x86_64 and aarch64.
_NUMBERS = {
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "pidfd_open": (434, 434),
    "memfd_create": (319, 279),
    "clone3": (435, 435),
    "fchmodat2": (452, 452),
}


_HARMLESS = {
    *("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"),
    *("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "LC_CTYPE"),
}
# What anybody may do who is not confined, and what leaves nothing behind.
OPEN_TO_ALL = (
    "the parent's environment",
    "another video",
    "another video by a link",
    "the home folder",
    "the list of users",
    "a file beside its output",
    "rights of another file",
    "times of another file",
    "extended attributes of another file",
    "TCP",
    "UDP",
    "sockets of this machine",
    "a program",
    "a fork",
    "a signal to the parent",
    "signals of a file to the parent",
    "signals of a socket to the parent",
    "limits of the parent",
    "shared memory",
    "a stack of gigabytes",
    "addresses without end",
    "events of other files",
)


class Outside:
    """What lies around a worker, that it must not get at."""

    def __init__(self, folder: Path, parent: int, home: Path) -> None:
        self.folder, self.parent, self.home = folder, parent, home
        self.source, self.output = folder / "mine" / "source", folder / "out" / "frames.tar"
        self.secret = folder / "other" / "source"
        self.link = folder / "mine" / "link"

    def lay_out(self) -> None:
        """Make the files."""
        for path in (self.source, self.secret, self.output):
            path.parent.mkdir(parents=True)
        self.source.write_text("mine")
        self.secret.write_text("secret")
        self.link.symlink_to(self.secret)


def _done(result: int) -> str:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return f"result {result}"


def _call(name: str, *arguments: object) -> str:
    number = _NUMBERS[name][os.uname().machine == "aarch64"]
    return _done(_LIBC.syscall(ctypes.c_long(number), *arguments))


def _socket(family: int, kind: int) -> str:
    with socket.socket(family, kind):
        return "a socket"


def _forked(fork: Callable[[], int]) -> str:
    if not (child := fork()):
        os._exit(0)
    os.waitpid(child, 0)
    return "a process"


def _child_by_clone3(outside: Outside) -> str:
    arguments = (ctypes.c_uint64 * 11)()
    arguments[4] = signal.SIGCHLD
    return _forked(
        lambda: int(_call("clone3", arguments, ctypes.c_size_t(88)).removeprefix("result "))
    )


def _inherited(outside: Outside) -> str:
    """Look for open files beside the standard ones, the answer's pipe and the launcher's socket."""
    found = []
    for descriptor in range(3, 1024):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        found.append(descriptor)
    if len(found) > 2 or os.isatty(0) or os.isatty(2):
        return f"descriptors {found}"
    raise PermissionError("no descriptor but its own")


def _variables(outside: Outside) -> str:
    if more := {*os.environ} - _HARMLESS:
        return f"{sorted(more)}"
    raise PermissionError("no variable that tells anything")


def _read_memory(outside: Outside) -> str:
    here = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(here), 8)
    remote = (ctypes.c_void_p * 2)(ctypes.addressof(here), 8)
    result = _LIBC.process_vm_readv(outside.parent, local, 1, remote, 1, 0)
    if result < 0 and ctypes.get_errno() == 14:  # EFAULT: it was looked at
        return "a look"
    return _done(result)


def _attached(outside: Outside) -> str:
    seize, detach = 0x4206, 17
    _done(_LIBC.ptrace(seize, outside.parent, 0, 0))
    _LIBC.ptrace(detach, outside.parent, 0, 0)
    return "attached"


def _many_open_files(outside: Outside) -> str:
    files = [os.open("/dev/null", os.O_RDONLY) for _ in range(2000)]
    return f"{len(files)} files"


def _huge_file(outside: Outside) -> str:
    with outside.output.open("wb") as file:
        file.seek(3 * 10**9)
        file.write(b"end")
    return "a huge file"


def _more_memory(outside: Outside) -> str:
    most = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if most == resource.RLIM_INFINITY:
        return "no limit"
    resource.setrlimit(resource.RLIMIT_DATA, (most + 1, most + 1))
    return "a higher limit"


def _shared_memory(outside: Outside) -> str:
    import mmap

    with mmap.mmap(-1, 2**20):
        return "memory that no limit counts"


def _stack_of_its_own(outside: Outside) -> str:
    """Map 3 GB that grow downwards, as stacks do, which RLIMIT_DATA passes over."""
    return _mapped(3 * 2**30, 0x2, 0x122)


def _endless_addresses(outside: Outside) -> str:
    """Map 4 TB to read: nothing by itself, but page tables of 8 GB where it is looked at."""
    return _mapped(2**42, 0x1, 0x4022)


def _mapped(size: int, protection: int, flags: int) -> str:
    _LIBC.mmap.restype = ctypes.c_void_p
    anywhere, no_file = None, -1
    found = _LIBC.mmap(anywhere, ctypes.c_size_t(size), protection, flags, no_file, 0)
    if found == 2**64 - 1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    _LIBC.munmap(ctypes.c_void_p(found), ctypes.c_size_t(size))
    return f"{size} bytes"


def _higher_stack(outside: Outside) -> str:
    resource.setrlimit(resource.RLIMIT_STACK, (2**33, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    return "a higher stack"


def _owner_of_signals(outside: Outside) -> str:
    """Have the parent get SIGIO; the upper half of a command is more than the kernel looks at."""
    set_owner = 8 | 1 << 32
    call = 72 if os.uname().machine == "x86_64" else 25
    descriptor, command, parent = (ctypes.c_long(n) for n in (0, set_owner, outside.parent))
    return _done(_LIBC.syscall(ctypes.c_long(call), descriptor, command, parent))


def _owner_of_a_socket(outside: Outside) -> str:
    """The same for its socket to the warden, by FIOSETOWN."""
    parent = ctypes.c_int(outside.parent)
    return _done(_LIBC.ioctl(_launcher(), ctypes.c_ulong(0x8901), ctypes.byref(parent)))


def _launcher() -> int:
    for descriptor in range(3, 100):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                return descriptor
    raise AssertionError("no socket")


def _outliving(outside: Outside) -> str:
    """Ask not to be killed when the warden ends (PR_SET_PDEATHSIG)."""
    call = 157 if os.uname().machine == "x86_64" else 167
    return _done(_LIBC.syscall(ctypes.c_long(call), ctypes.c_long(1 | 1 << 32), ctypes.c_long(0)))


def _flags_of_a_file(outside: Outside) -> str:
    """Set a file's flags (FS_IOC_SETFLAGS) through a descriptor that only reads."""
    with outside.source.open("rb") as file:
        value = ctypes.c_long(0)
        return _done(_LIBC.ioctl(file.fileno(), ctypes.c_ulong(0x40086602), ctypes.byref(value)))


def _program_of_its_own(outside: Outside) -> str:
    ended = processes.start(["/bin/sh", "-c", "true"])
    return f"ended with {ended()}"


def _limit_of_the_parent(outside: Outside) -> str:
    limits = resource.prlimit(outside.parent, resource.RLIMIT_NOFILE)
    resource.prlimit(outside.parent, resource.RLIMIT_NOFILE, limits)
    return "set"


def _renamed(outside: Outside) -> str:
    target = outside.output.with_name("elsewhere")
    outside.output.rename(target)
    target.rename(outside.output)
    return "renamed"


def _changed_mode(outside: Outside) -> str:
    _call("fchmodat2", -100, str(outside.secret).encode(), 0o777, 0)
    return "changed"


Attempt = Callable[[Outside], object]
ATTEMPTS: dict[str, Attempt] = {
    "its environment": _variables,
    "inherited descriptors": _inherited,
    "the parent's environment": lambda o: Path(f"/proc/{o.parent}/environ").read_bytes(),
    "the parent's command line": lambda o: Path(f"/proc/{o.parent}/cmdline").read_bytes(),
    "the parent's memory, as a file": lambda o: Path(f"/proc/{o.parent}/mem").open("rb").close(),
    "the parent's memory, by a call": _read_memory,
    "the parent's open files": lambda o: os.listdir(f"/proc/{o.parent}/fd"),
    "a debugger": _attached,
    "another video": lambda o: o.secret.read_text(),
    "another video by a link": lambda o: o.link.read_text(),
    "a way up and down again": lambda o: (o.source.parent / "../other/source").read_text(),
    "which videos there are": lambda o: os.listdir(o.folder),
    "the home folder": lambda o: os.listdir(o.home),
    "the working folder's .env": lambda o: (o.folder / ".env").touch(),
    "the list of users": lambda o: Path("/etc/passwd").read_text(),
    "a file in /tmp": lambda o: (Path("/tmp") / f"escape-{os.getpid()}").touch(),
    "shared files in memory": lambda o: (Path("/dev/shm") / f"escape-{os.getpid()}").touch(),
    "its own source, written": lambda o: o.source.write_text("changed"),
    "a file beside its output": lambda o: o.output.with_name("more").touch(),
    "a symbolic link": lambda o: o.output.with_name("link").symlink_to(o.secret),
    "a hard link": lambda o: o.output.with_name("hard").hardlink_to(o.secret),
    "a pipe with a name": lambda o: os.mkfifo(o.output.with_name("fifo")),
    "its output under another name": _renamed,
    "rights of another file": lambda o: o.secret.chmod(0o644),
    "rights of another file, by a newer call": _changed_mode,
    "times of another file": lambda o: os.utime(o.secret),
    "extended attributes of another file": lambda o: os.listxattr(o.secret),
    "flags of its own file": _flags_of_a_file,
    "TCP": lambda o: _socket(socket.AF_INET, socket.SOCK_STREAM),
    "TCP over IPv6": lambda o: _socket(socket.AF_INET6, socket.SOCK_STREAM),
    "UDP": lambda o: _socket(socket.AF_INET, socket.SOCK_DGRAM),
    "raw packets": lambda o: _socket(socket.AF_INET, socket.SOCK_RAW),
    "sockets of this machine": lambda o: _socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "netlink": lambda o: _socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "a pair of sockets": lambda o: socket.socketpair()[0].close(),
    "the kernel's cryptography": lambda o: _socket(socket.AF_ALG, socket.SOCK_SEQPACKET),
    "a program": lambda o: subprocess.run(["/bin/true"], check=True).returncode,
    "a program through the warden": _program_of_its_own,
    "a fork": lambda o: _forked(os.fork),
    "a fork by clone3": _child_by_clone3,
    "a signal to the parent": lambda o: os.kill(o.parent, 0),
    "a signal to all": lambda o: os.kill(-1, 0),
    "signals of a file to the parent": _owner_of_signals,
    "signals of a socket to the parent": _owner_of_a_socket,
    "a life after the warden's": _outliving,
    "a handle of the parent": lambda o: _call("pidfd_open", o.parent, 0),
    "limits of the parent": _limit_of_the_parent,
    "priority of the parent": lambda o: os.setpriority(os.PRIO_PROCESS, o.parent, 0),
    "io_uring": lambda o: _call("io_uring_setup", 1, (ctypes.c_uint32 * 30)()),
    "keys": lambda o: _call("keyctl", 0, -3, 0),
    "bpf": lambda o: _call("bpf", 0, (ctypes.c_uint64 * 8)(0x400000001, 0x100000004), 64),
    "userfaultfd": lambda o: _call("userfaultfd", 1),
    "a mount": lambda o: _done(_LIBC.mount(b"none", b"/mnt", b"tmpfs", 0, None)),
    "a namespace": lambda o: _done(_LIBC.unshare(0x10000000)),
    "memory without a name": lambda o: _call("memfd_create", b"name", 0),
    "memory shared by number": lambda o: _done(_LIBC.shmget(0x5EC, 4096, 0o1600)),
    "shared memory": _shared_memory,
    "a stack of gigabytes": _stack_of_its_own,
    "a higher limit of the stack": _higher_stack,
    "addresses without end": _endless_addresses,
    "events of other files": lambda o: _done(_LIBC.inotify_init()),
    "a higher limit of memory": _more_memory,
    "a huge file": _huge_file,
    "thousands of open files": _many_open_files,
}


def try_them(folder: Path, parent: int, home: Path, names: list[str]) -> dict[str, str]:
    """Return what came of each attempt: `refused: …`, or `got …`.

    A worker has neither HOME nor the list of users; where home is, it would have to guess.
    """
    outside = Outside(folder, parent, home)
    outcomes = {}
    for name in names:
        try:
            outcomes[name] = f"got {ATTEMPTS[name](outside)!r}"
        except (OSError, ValueError) as error:
            outcomes[name] = f"refused: {error}"
    return outcomes
