"""Ends a call that takes too long, in a notebook's own process."""

import contextlib
import ctypes
import signal
import threading
from collections.abc import Iterator

AGAIN = 0.2  # seconds until the next ring, for code that swallowed the first


class TooSlow(BaseException):
    """Raised within the call when its time is up. No Exception, so `except Exception` lets it through."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TooSlow within its block after `seconds`, and again, should the block swallow it.

    On the main thread of Linux and macOS by the alarm signal; who used that before has it back afterwards.
    On Windows, and on other threads, by a second thread: that reaches Python code between two of its
    instructions, so it does not end one long call into C, such as time.sleep. Where there are neither (Python
    in a browser) there is no limit.
    """
    on_main = threading.current_thread() is threading.main_thread()
    limit = _by_signal if on_main and hasattr(signal, "setitimer") else _by_thread
    with limit(seconds):
        yield


@contextlib.contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    armed = True

    def ring(number: int, frame: object) -> None:
        if armed:
            raise TooSlow

    handler_before = signal.signal(signal.SIGALRM, ring)
    rest, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        try:
            yield
        finally:  # twice, for it may ring on the very way out
            armed = False
    finally:
        armed = False
        left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler_before)
        if rest:  # an outer limit (pytest-timeout's, say) goes on from where it was
            signal.setitimer(signal.ITIMER_REAL, max(rest - (seconds - left), 0.001), interval)


@contextlib.contextmanager
def _by_thread(seconds: float) -> Iterator[None]:
    thread, done, lock = threading.get_ident(), threading.Event(), threading.Lock()
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            with lock:
                if not done.is_set():
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
        # One that was sent and has not arrived arrives here. (To take it back by sending None instead leaves
        # Python 3.11's evaluation loop waiting for ever.)
        with contextlib.suppress(TooSlow):
            for _ in range(100):
                pass
