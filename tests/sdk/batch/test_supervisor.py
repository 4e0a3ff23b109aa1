"""Which video killed its process."""

from __future__ import annotations

from vidcls.batch.supervisor import Supervisor


def test_deaths_are_counted_for_what_was_under_way_and_forgiven_for_what_ends() -> None:
    supervisor = Supervisor(b"the model")
    assert supervisor.model() == b"the model"
    assert supervisor.begin_part("p") == {}
    for video in ("a", "b", "c"):
        supervisor.begin("p", video)
    supervisor.end("p", "a")
    assert supervisor.begin_part("p") == {"b": 1, "c": 1}  # its actor has died
    supervisor.begin("p", "b")
    supervisor.end("p", "b")
    supervisor.begin("p", "c")
    assert supervisor.begin_part("p") == {"c": 2}
    supervisor.end("p", "c")
    supervisor.end_part("p")
    assert supervisor.begin_part("p") == {}
