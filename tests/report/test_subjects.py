"""subjects: what the page checks of itself."""

from __future__ import annotations

from ricenet import step
from ricenet.report import subjects


def test_one_volume_under_two_ids_fails() -> None:
    apart = [{"digest": "a"}, {"digest": "b"}, {"digest": ""}, {"digest": ""}]  # none: no volume
    assert step.passes(subjects.alike_check(apart))
    alike = subjects.alike_check([*apart, {"digest": "a"}])
    assert alike.value == 2 and not step.passes(alike)
    assert subjects.as_row(alike)["verdict"] == "fail"
    assert [c.name for c in subjects.own_checks([], [])] == [subjects.WITHOUT_PICTURE]
