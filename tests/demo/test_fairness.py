import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.fairness import RoundRobin


def test_sessions_have_their_turns_one_after_the_other():
    line = RoundRobin()
    for session, item in [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("b", 6)]:
        line.push(session, item)
    assert list(line) == [1, 4, 5, 2, 6, 3]
    assert [line.pop() for _ in range(len(line))] == [1, 4, 5, 2, 6, 3]
    assert len(line) == 0


def test_who_was_served_out_of_turn_goes_to_the_end():
    line = RoundRobin()
    for session, item in [("a", 1), ("a", 2), ("b", 3)]:
        line.push(session, item)
    line.remove("a", 2)
    assert list(line) == [3, 1]
    with pytest.raises(ValueError, match="not in"):
        line.remove("a", 7)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers())))
def test_nothing_is_lost_or_doubled_and_nobody_waits_for_more_than_one_of_each_other(pushed):
    line = RoundRobin()
    for place, (session, _) in enumerate(pushed):
        line.push(session, place)
    order = list(line)
    popped = [line.pop() for _ in pushed]
    assert popped == order
    assert sorted(popped) == list(range(len(pushed)))
    for session in "abc":
        own = [place for place in popped if pushed[place][0] == session]
        assert own == sorted(own), "a session's own order stays"
        for other in set("abc") - {session}:
            between = [
                sum(pushed[place][0] == other for place in popped[popped.index(one) : popped.index(two)])
                for one, two in itertools.pairwise(own)
            ]
            assert max(between, default=0) <= 1
