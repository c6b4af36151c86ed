import signal
import threading

import pytest

from trichoscan.study.interrupt import Terminated, heed_signals


@pytest.fixture(autouse=True)
def pythons_own_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    before_term = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGTERM, before_term)


@pytest.mark.parametrize(
    ("sent", "stop", "handler"),
    [
        (signal.SIGINT, KeyboardInterrupt, signal.default_int_handler),
        (signal.SIGTERM, Terminated, signal.SIG_DFL),
    ],
)
def test_a_stop_that_was_swallowed_comes_at_the_next_check(sent, stop, handler):
    with heed_signals() as check:
        check()
        with pytest.raises(stop):
            signal.raise_signal(sent)
        with pytest.raises(stop):
            check()
    assert signal.getsignal(sent) is handler


def test_a_handler_of_others_stays():
    theirs = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with heed_signals():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    signal.signal(signal.SIGTERM, theirs)


def test_other_threads_are_left_alone():
    seen = []

    def work():
        with heed_signals() as check:
            check()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
