"""What a process that decodes may do: read one file, write some that are there, compute.

Landlock (Linux 5.13) decides about files, TCP and signals, seccomp about system calls; neither
needs root, and neither can be taken back. Both count for threads and programs that the process
starts. What is allowed is what PyAV, OpenCV and ffmpeg were seen to need; docs/security.md says
what remains.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from components.base.processes import die_with_parent

LANDLOCK = "Landlock (Linux 5.13 or newer, switched on)"
SECCOMP = "seccomp (the library libseccomp.so.2)"

_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
_SOURCES = Path(__file__).parent.parent
_READABLE_FILES = ("/dev/null", "/dev/urandom", "/etc/ld.so.cache")

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_THREAD = 0x00010000
_MAP_SHARED_ANONYMOUS = 0x21
_MAP_GROWSDOWN = 0x0100
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15
# Who gets the signals of a socket (FIOSETOWN, SIOCSPGRP), and what a file system keeps of a file
# beside its content (FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR).
_REFUSED_IOCTLS = (0x8901, 0x8902, 0x40086602, 0x401C5820)
# The kernel looks at the lower half of these arguments only, so the filter must as well.
_INT = 0xFFFFFFFF

# Threads and processes of the same user beside those there are, where the user is not root.
_TASKS = 1024
_OPEN_FILES = 256
# Beside its data, addresses take memory by their page tables, a stack by what lies on it.
_MORE_ADDRESSES_BYTES = 64 * 2**30
_STACK_BYTES = 8 * 2**20

# System calls that no decoder needs, by what they would be good for.
_REFUSED = {
    "connections": "socket socketpair connect bind listen accept accept4",
    "other processes": "ptrace process_vm_readv process_vm_writev process_madvise "
    "kcmp pidfd_open pidfd_getfd pidfd_send_signal tkill migrate_pages move_pages "
    "setpriority ioprio_set sched_setscheduler sched_setparam sched_setattr",
    "new processes": "fork vfork",
    "shared memory": "shmget shmat shmctl shmdt msgget msgsnd msgrcv msgctl semget semop semctl "
    "semtimedop mq_open mq_unlink memfd_create",
    "the kernel": "io_uring_setup io_uring_enter io_uring_register bpf userfaultfd perf_event_open "
    "keyctl add_key request_key init_module finit_module delete_module kexec_load kexec_file_load "
    "reboot syslog iopl ioperm personality lookup_dcookie",
    "mounts and namespaces": "mount umount umount2 move_mount open_tree fsopen fsconfig fsmount "
    "fspick pivot_root chroot unshare setns swapon swapoff quotactl acct "
    "name_to_handle_at open_by_handle_at",
    # Landlock does not look at any of these.
    "files by their names": "chmod fchmod fchmodat chown fchown lchown fchownat truncate "
    "utime utimes utimensat futimesat setxattr lsetxattr fsetxattr removexattr "
    "lremovexattr fremovexattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr "
    "inotify_init inotify_init1 inotify_add_watch fanotify_init fanotify_mark",
    "the clock and the host": "settimeofday clock_settime clock_adjtime adjtimex stime "
    "sethostname setdomainname",
    "privileges": "setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups "
    "capset",
}


# Calls that libseccomp may not know by name yet; from 424 on, all processors have the same numbers.
# Those from 452 (fchmodat2) on are for programs newer than this one.
_NEWER = (442, 443, 447, 448, *range(452, 512))


@dataclass(frozen=True)
class Allowed:
    """What one task may touch and take; None stands for nothing.

    Attributes:
        reads: The file to decode.
        writes: Files that are there already; no other can be made, and none removed.
        memory_bytes: Most data in memory.
        written_bytes: Largest file that it may write.
        cpu_s: Seconds of CPU time, of all threads of a process together.
    """

    reads: str | None = None
    writes: tuple[str, ...] = ()
    memory_bytes: int | None = None
    written_bytes: int | None = None
    cpu_s: int | None = None


def confine(allowed: Allowed, missing: frozenset[str], program: str | None = None) -> None:
    """Give up, for good, what the task does not need.

    Args:
        missing: Parts that this machine has not, or that are not wanted.
        program: The one program that the process is about to become; None for one that stays.
    """
    die_with_parent()
    _limit(allowed)
    if {LANDLOCK, SECCOMP} <= missing:
        return
    if allowed.memory_bytes is not None:
        # Not above: a GPU's driver reserves as many addresses as there are.
        _bound(resource.RLIMIT_AS, allowed.memory_bytes + _MORE_ADDRESSES_BYTES)
    _drop_capabilities()
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if LANDLOCK not in missing:
        _restrict_files(allowed, program)
    if SECCOMP not in missing:
        _restrict_calls(program is not None)


def missing_parts() -> frozenset[str]:
    """Return which parts do not work here, tried in processes of their own.

    It loads what `confine` needs later, when no file may be opened any more.
    """
    for module in ("py_landlock", "pyseccomp"):
        # The libraries they need may be missing.
        with suppress(ImportError, RuntimeError, OSError):
            importlib.import_module(module)
    tried = {LANDLOCK: _files_are_refused, SECCOMP: _sockets_are_refused}
    return frozenset(part for part, refused in tried.items() if not _in_a_child(refused))


def _in_a_child(holds: Callable[[], bool]) -> bool:
    """Return what the function returns in a forked process; False where it breaks."""
    child = os.fork()
    if not child:
        status = 1
        with suppress(BaseException):
            status = int(not holds())
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _files_are_refused() -> bool:
    confine(Allowed(), frozenset({SECCOMP}))
    try:
        next(Path("/").iterdir())
    except PermissionError:
        return True
    return False


def _sockets_are_refused() -> bool:
    import socket

    confine(Allowed(), frozenset({LANDLOCK}))
    try:
        socket.socket().close()
    except PermissionError:
        return True
    return False


def _limit(allowed: Allowed) -> None:
    # Data rather than address space: libraries reserve far more addresses than they use.
    _bound(resource.RLIMIT_DATA, allowed.memory_bytes)
    _bound(resource.RLIMIT_STACK, _STACK_BYTES)
    _bound(resource.RLIMIT_FSIZE, allowed.written_bytes)
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _bound(resource.RLIMIT_NPROC, tasks_of_user() + _TASKS)
    if allowed.cpu_s is not None:
        # SIGXCPU first, which says why; SIGKILL for who does not listen.
        _bound(resource.RLIMIT_CPU, allowed.cpu_s, allowed.cpu_s + 2)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)


def _bound(what: int, value: int | None, most: int | None = None) -> None:
    if value is None:
        return
    _, hard = resource.getrlimit(what)
    ceiling = value if most is None else most
    if hard != resource.RLIM_INFINITY:
        ceiling = min(ceiling, hard)
    resource.setrlimit(what, (min(value, ceiling), ceiling))


@cache
def tasks_of_user() -> int:
    """Return about how many threads this user has; counted once a process."""
    mine, count = os.getuid(), 0
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                if entry.stat().st_uid == mine:
                    count += len([*Path(f"/proc/{entry.name}/task").iterdir()])
    return count


def _drop_capabilities() -> None:
    """Give up what root may do beyond other users; nothing for who is not root."""
    header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    ctypes.CDLL(None).capset(header, nothing)


def _restrict_files(allowed: Allowed, program: str | None) -> None:
    from py_landlock import AccessFs, Landlock

    read_file, read = AccessFs.READ_FILE, AccessFs.READ_FILE | AccessFs.READ_DIR
    rules = Landlock(strict=False)

    def allow(path: str | Path, access: AccessFs) -> None:
        if os.path.exists(path):  # noqa: PTH110, also of plain strings
            rules.add_path_rule(path, access=access)

    for folder in _program_folders():
        allow(folder, read)
    for file in _READABLE_FILES:
        allow(file, read_file)
    allow("/dev/null", AccessFs.WRITE_FILE)
    if allowed.reads:
        allow(allowed.reads, read_file)
    for file in allowed.writes:
        allow(file, read_file | AccessFs.WRITE_FILE | AccessFs.TRUNCATE)
    if program:
        allow(program, AccessFs.EXECUTE | read_file)
        for loader in _LOADERS:
            allow(loader, AccessFs.EXECUTE | read_file)
    rules.apply()


@cache
def _program_folders() -> tuple[str, ...]:
    """Return where Python, its packages, this program and shared libraries are.

    Of the paths that modules are looked for in, only those that hold packages: the folder that one
    happens to work in is none.
    """
    python = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    packages = {path for path in sys.path if _holds_packages(path)}
    named = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    return tuple(sorted({*_LIBRARIES, *python, *packages, *filter(None, named), str(_SOURCES)}))


def _holds_packages(path: str) -> bool:
    """Return whether packages were installed there; pip --target takes a folder of any name."""
    if path.endswith(("site-packages", "dist-packages")):
        return True
    return bool(path) and any(Path(path).glob("*.dist-info"))


def _restrict_calls(becomes_program: bool) -> None:
    from pyseccomp import ERRNO, MASKED_EQ, NE, Arg

    calls = _filter()
    refused = ERRNO(errno.EPERM)
    if not becomes_program:
        for name in ("execve", "execveat"):
            calls.add_rule(refused, name)
    # Flags of clone3 lie in memory, where a filter cannot look; the C library then takes clone.
    calls.add_rule(ERRNO(errno.ENOSYS), "clone3")
    calls.add_rule(refused, "clone", Arg(0, MASKED_EQ, _CLONE_THREAD, 0))
    # Memory that RLIMIT_DATA does not count.
    for flags in (_MAP_SHARED_ANONYMOUS, _MAP_GROWSDOWN):
        calls.add_rule(refused, "mmap", Arg(3, MASKED_EQ, flags, flags))
    for command in (_F_SETOWN, _F_SETSIG, _F_SETOWN_EX):
        calls.add_rule(refused, "fcntl", Arg(1, MASKED_EQ, _INT, command))
    for request in _REFUSED_IOCTLS:
        calls.add_rule(refused, "ioctl", Arg(1, MASKED_EQ, _INT, request))
    # It ends with who watches over it.
    calls.add_rule(refused, "prctl", Arg(0, MASKED_EQ, _INT, _PR_SET_PDEATHSIG))
    for name in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        calls.add_rule(refused, name, Arg(0, NE, os.getpid()))
    for name in ("prlimit64", "sched_setaffinity"):
        calls.add_rule(refused, name, Arg(0, NE, 0))
    calls.load()


def _filter() -> Any:
    from pyseccomp import ALLOW, ERRNO, SyscallFilter

    calls = SyscallFilter(ALLOW)
    for names in _REFUSED.values():
        for name in names.split():
            # This processor, or this version of the library, may not know one.
            with suppress(OSError, ValueError):
                calls.add_rule(ERRNO(errno.EPERM), name)
    for number in _NEWER:
        calls.add_rule(ERRNO(errno.ENOSYS), number)
    return calls
