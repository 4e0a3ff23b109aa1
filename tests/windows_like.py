"""What of POSIX the SDK may not need, and a `sitecustomize` that hides it from every module of ours.

Hidden from our modules alone: the standard library has its own ways for every system. Where a file is open, it can
be neither replaced nor removed, and a folder cannot be opened.
"""

from __future__ import annotations

from pathlib import Path

MODULES = ("crypt", "fcntl", "grp", "nis", "posix", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty")
NAMES = {
    "os": (
        *("chown", "chroot", "confstr", "fchdir", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid"),
        *("getgid", "getgroups", "getloadavg", "getpgid", "getpgrp", "getpriority", "getresuid", "getsid", "getuid"),
        *("killpg", "lchown", "lockf", "major", "makedev", "memfd_create", "mkfifo", "mknod", "nice", "openpty"),
        *("pipe2", "posix_fadvise", "posix_fallocate", "posix_spawn", "posix_spawnp", "pread", "preadv", "pwrite"),
        *("pwritev", "readv", "register_at_fork", "sched_getaffinity", "sched_setaffinity", "sched_yield", "sendfile"),
        *("setegid", "seteuid", "setgid", "setgroups", "setpgid", "setpriority", "setsid", "setuid", "statvfs"),
        *("sync", "sysconf", "tcgetpgrp", "ttyname", "uname", "wait", "wait3", "wait4", "waitid", "writev"),
        *("EX_OK", "O_ASYNC", "O_CLOEXEC", "O_DIRECT", "O_DIRECTORY", "O_DSYNC", "O_NOATIME", "O_NOCTTY"),
        *("O_NOFOLLOW", "O_NONBLOCK", "O_PATH", "O_SYNC", "O_TMPFILE", "PRIO_PROCESS", "P_ALL", "WNOHANG"),
        *("WEXITSTATUS", "WIFEXITED", "WIFSIGNALED", "WTERMSIG"),
    ),
    "signal": (
        *("SIGALRM", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP"),
        *("SIGUSR1", "SIGUSR2", "SIGWINCH", "alarm", "getitimer", "pause", "pthread_kill", "pthread_sigmask"),
        *("setitimer", "siginterrupt", "sigpending", "sigtimedwait", "sigwait", "sigwaitinfo"),
    ),
    "select": ("epoll", "poll"),
    "selectors": ("EpollSelector", "PollSelector"),
    "socket": ("AF_UNIX", "MSG_DONTWAIT", "MSG_NOSIGNAL", "SO_REUSEPORT", "recv_fds", "send_fds"),
    "mmap": ("MADV_DONTNEED", "MADV_SEQUENTIAL", "MAP_PRIVATE", "MAP_SHARED", "PROT_READ", "PROT_WRITE"),
    "time": ("clock_gettime", "clock_gettime_ns", "pthread_getcpuclockid", "tzset"),
    "asyncio": ("add_signal_handler",),
}

_SITECUSTOMIZE = """
import builtins, os, sys, types, warnings

MODULES, NAMES = {modules!r}, {names!r}
taken = {{"os": {{"name": "nt"}}, "sys": {{"platform": "win32"}}}}
real_import, proxies = builtins.__import__, {{}}


def is_open(path):
    try:
        wanted = os.stat(path)
    except OSError:
        return False
    for number in os.listdir("/proc/self/fd"):
        try:
            found = os.stat(f"/proc/self/fd/{{number}}")
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False


def refusing(act):
    def acted(*paths, **options):
        for path in paths:
            if not isinstance(path, int) and is_open(path):
                raise PermissionError(13, "it is being used by another process", str(path))
        return act(*paths, **options)

    return acted


def open_no_folder(path, *arguments, **options):
    if os.path.isdir(path) and sys._getframe(1).f_globals["__name__"].startswith("vidcls"):
        raise PermissionError(13, "Permission denied", str(path))
    return real_open(path, *arguments, **options)


real_open, os.open = os.open, open_no_folder
for name in ("rename", "replace", "remove", "unlink"):
    setattr(os, name, refusing(getattr(os, name)))


class Proxy(types.ModuleType):
    def __init__(self, module):
        super().__init__(module.__name__)
        self.__dict__["_real"] = module

    def __getattr__(self, name):
        module = self.__dict__["_real"]
        if name in NAMES.get(module.__name__, ()):
            raise AttributeError(f"{{module.__name__}}.{{name}} is of POSIX only")
        return taken.get(module.__name__, {{}}).get(name, getattr(module, name))

    def __setattr__(self, name, value):
        setattr(self.__dict__["_real"], name, value)


def imported(name, globals=None, locals=None, fromlist=(), level=0):
    caller = (globals or {{}}).get("__name__", "")
    if caller == "__main__":
        caller = getattr(globals.get("__spec__"), "name", "") or ""
    if not caller.startswith("vidcls"):
        return real_import(name, globals, locals, fromlist, level)
    top = name.partition(".")[0]
    if top in MODULES:
        raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    module = real_import(name, globals, locals, fromlist, level)
    if name in (*NAMES, "sys"):
        return proxies.setdefault(name, Proxy(module))
    return module


builtins.__import__ = imported
warnings.filterwarnings("error", category=EncodingWarning, module="vidcls")
sys.is_windows_like = True
"""


def write_sitecustomize(folder: Path) -> Path:
    """A folder for PYTHONPATH, with which Python and the processes that it starts are like those on Windows."""
    text = _SITECUSTOMIZE.format(modules=MODULES, names=NAMES)
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    return folder
