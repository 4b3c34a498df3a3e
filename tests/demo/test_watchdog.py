import threading

from demo.watchdog import Watchdog


def test_what_takes_too_long_is_ended_and_what_does_not_is_left_alone():
    watchdog, ended, spared = Watchdog(), threading.Event(), threading.Event()
    with watchdog.watch(60, spared.set):
        with watchdog.watch(0.01, ended.set):  # sooner than what is watched already
            assert ended.wait(30)
        with watchdog.watch(60, spared.set):
            pass
    with watchdog.watch(0, ended.clear):
        while ended.is_set():
            pass
    assert not spared.is_set()
    assert not watchdog._watched


def test_what_takes_too_long_is_ended_once():
    watchdog, ended, later = Watchdog(), [], threading.Event()
    with watchdog.watch(0, lambda: ended.append(1)), watchdog.watch(0.05, later.set):
        assert later.wait(30)
    assert ended == [1]


def test_what_ended_in_time_is_not_ended_later():
    watchdog, called = Watchdog(), []
    for _ in range(100):
        with watchdog.watch(0.2, lambda: called.append(1)):
            pass
    later = threading.Event()
    with watchdog.watch(0.4, later.set):
        assert later.wait(30)
    assert called == []
