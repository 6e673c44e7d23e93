"""End a call that takes too long, in a notebook's own process."""

import contextlib
import ctypes
import functools
import signal
import threading
import time
from collections.abc import Callable, Iterator

AGAIN = 0.2  # seconds until the next alarm, for code that swallowed the first one or has time left
PATIENCE = 6  # how many times the limit it may take by the wall clock, on a busy machine


class TooSlow(BaseException):
    """Raised within the call when its time is up. Not an Exception: `except Exception` lets it pass."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooSlow within its block after `seconds` of work, and again if the block swallows it.

    Work is the thread's processor time, so that no verdict depends on what else the machine does. A block
    that only waits is ended after PATIENCE times `seconds` by the wall clock.

    On the main thread of Linux and macOS this uses the alarm signal and returns it to its previous owner.
    On Windows, and on other threads, it uses a second thread, which reaches Python code between two of its
    instructions; it cannot end one long call into C, such as time.sleep. Where there is neither (Python in a
    browser) there is no limit.
    """
    on_main = threading.current_thread() is threading.main_thread()
    limit = _by_signal if on_main and hasattr(signal, "setitimer") else _by_thread
    with limit(seconds):
        yield


def _time_is_up(seconds: float, worked: Callable[[], float]) -> Callable[[], bool]:
    """Return a function that tells whether the time that begins now is used up."""
    work, begin = worked(), time.monotonic()
    return lambda: worked() - work >= seconds or time.monotonic() - begin >= PATIENCE * seconds


def _work_of_this_thread() -> Callable[[], float]:
    """Return a clock of this thread's processor time that another thread can read.

    If the system has no such clock, return that of the whole process.
    """
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.process_time
    return functools.partial(time.clock_gettime, time.pthread_getcpuclockid(threading.get_ident()))


@contextlib.contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    armed, time_is_up = True, _time_is_up(seconds, time.thread_time)

    def ring(number: int, frame: object) -> None:
        if armed and time_is_up():
            raise TooSlow

    handler_before = signal.signal(signal.SIGALRM, ring)
    rest, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    begin = time.monotonic()
    try:
        try:
            yield
        finally:  # disarmed twice: the alarm may go off on the way out
            armed = False
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler_before)
        if rest:  # an outer limit (pytest-timeout's, say) continues from where it was
            signal.setitimer(signal.ITIMER_REAL, max(rest - (time.monotonic() - begin), 0.001), interval)


@contextlib.contextmanager
def _by_thread(seconds: float) -> Iterator[None]:
    thread, done, lock = threading.get_ident(), threading.Event(), threading.Lock()
    time_is_up = _time_is_up(seconds, _work_of_this_thread())
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            with lock:
                if not done.is_set() and time_is_up():
                    raise_in(ctypes.c_ulong(thread), ctypes.py_object(TooSlow))
            wait = AGAIN

    try:
        threading.Thread(target=watch, daemon=True).start()
    except RuntimeError:  # no threads here
        yield
        return
    try:
        yield
    finally:
        while not done.is_set():
            with contextlib.suppress(TooSlow), lock:
                done.set()
        # An exception that was sent but has not arrived yet arrives here. (Taking it back by sending None
        # instead leaves Python 3.11's evaluation loop waiting forever.)
        with contextlib.suppress(TooSlow):
            for _ in range(100):
                pass
