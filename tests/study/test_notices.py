"""notices: what the planning says is bounded, and said once."""

from __future__ import annotations

from ricenet.study import notices


def test_many_are_the_first_and_a_count() -> None:
    texts = [f"path {k}" for k in range(3000)]
    shown = notices.bounded([*texts, *texts])
    assert shown[:-1] == texts[: notices.MOST]
    assert shown[-1].startswith(f"{3000 - notices.MOST} more warnings; ricenet check")
    assert notices.bounded(["a", "b", "a"]) == ["a", "b"]
