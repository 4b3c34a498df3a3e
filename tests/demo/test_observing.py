from demo.observing import Dropped, Found, Left, Ran, Watch

EVENTS = [
    Found("painter", open=False, seconds=0.1),
    Ran("painter", requests=3, rows=5, waited=0.002, seconds=0.02),
    Dropped("painter", requests=1),
    Left("painter", size=1000),
]


def test_every_listener_hears_every_event_in_order():
    watch, first, second = Watch(), [], []
    watch.tell(EVENTS[0])
    watch.listen(first.append)
    watch.listen(second.append)
    for event in EVENTS:
        watch.tell(event)
    assert first == second == EVENTS, "what was told before anyone listened is gone"


def test_gauges_are_read_when_asked_for():
    watch, queue = Watch(), []
    assert watch.gauges() == {}
    watch.measure("engine_waiting", lambda: len(queue))
    watch.measure("engine_open_bytes", lambda: 7.0)
    queue += [1, 2]
    assert watch.gauges() == {"engine_waiting": 2, "engine_open_bytes": 7}
    watch.measure("engine_open_bytes", lambda: 8.0)
    assert watch.gauges()["engine_open_bytes"] == 8


def test_watches_do_not_hear_each_other():
    one, other, heard = Watch(), Watch(), []
    one.listen(heard.append)
    other.tell(EVENTS[1])
    assert heard == []
