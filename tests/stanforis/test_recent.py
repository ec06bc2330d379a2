"""What was asked for longest ago makes room."""

from stanforis.recent import Recent


def test_what_was_asked_for_longest_ago_makes_room():
    recent = Recent[str, int](2)
    assert [recent.keep("a", 1), recent.keep("b", 2), recent.get("a"), recent.keep("c", 3)] == [1, 2, 1, 3]
    assert list(recent) == ["a", "c"]
    assert recent.get("b") is None
    assert recent.keep("a", 4) == recent.get("a") == 4
    assert len(recent) == 2
