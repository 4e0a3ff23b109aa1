"""The events' file and the receivers' positions, beside crashes, full disks and files of others."""

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vidcls.watch import journal as journals
from vidcls.watch.journal import Journal
from vidcls.watch.lock import only_one, only_writer
from watched import finished


def opened(folder: Path, *receivers: str, max_bytes: int | None = None) -> Journal:
    return Journal(folder / "events.jsonl", positions=folder / "positions", receivers=receivers, max_bytes=max_bytes)


def numbers(folder: Path) -> list[int]:
    lines = (folder / "events.jsonl").read_text().splitlines()
    return [int(json.loads(line)["id"], 16) for line in lines]


def waiting(journal: Journal, receiver: str) -> list[int]:
    return [int(entry.id, 16) for entry in journal.waiting(receiver)]


@contextmanager
def disk_full_at(size: int) -> Iterator[None]:
    """No file may become longer; a write beyond that is cut short, then refused, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_each_event_is_a_line_and_waits_until_it_is_noted(tmp_path: Path) -> None:
    journal = opened(tmp_path, "hook", "broker")
    assert waiting(journal, "hook") == waiting(journal, "broker") == []
    for number in range(5):
        journal.append(finished(number))
    journal.note("hook", finished(2).id)

    again = opened(tmp_path, "hook", "broker")
    assert numbers(tmp_path) == [0, 1, 2, 3, 4]
    assert waiting(again, "hook") == [3, 4]
    assert waiting(again, "broker") == [0, 1, 2, 3, 4]
    assert again.recent(2) == [finished(3), finished(4)]


def test_a_new_receiver_begins_with_what_is_to_come(tmp_path: Path) -> None:
    opened(tmp_path).append(finished(0))
    journal = opened(tmp_path, "hook")
    assert waiting(journal, "hook") == []
    journal.append(finished(1))
    assert waiting(opened(tmp_path, "hook"), "hook") == [1]
    opened(tmp_path)  # without it for a while
    assert waiting(opened(tmp_path, "hook"), "hook") == []


@pytest.mark.parametrize(
    "torn", [b'{"id": "0', b"\0\0\0\0", b'{"id": "00000000000000000000000000000002", "camera": "do']
)
def test_a_torn_last_line_is_taken_away(torn: bytes, tmp_path: Path) -> None:
    opened(tmp_path).append(finished(0))
    file = tmp_path / "events.jsonl"
    file.write_bytes(file.read_bytes() + torn)
    opened(tmp_path).append(finished(1))
    assert numbers(tmp_path) == [0, 1]


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path: Path) -> None:
    journal = opened(tmp_path, "hook")
    assert waiting(journal, "hook") == []
    journal.append(finished(0))
    file = tmp_path / "events.jsonl"
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    journal = opened(tmp_path, "hook")
    journal.append(finished(1))
    assert numbers(tmp_path) == [0, 1]
    assert waiting(opened(tmp_path, "hook"), "hook") == [0, 1]


@pytest.mark.parametrize("content", [b"Dear diary,\n", b"no end", b"\x89PNG\r\n\x1a\n", b'{"a": 1}\n', b"{\n" * 10_000])
def test_files_of_others_are_refused_and_stay_as_they_are(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"events\.jsonl: is not a file of events"):
        opened(tmp_path)
    assert file.read_bytes() == content


def test_a_file_begun_anew_is_gone_on_with(tmp_path: Path) -> None:
    """As logrotate does it, while the program runs and while it does not."""
    journal = opened(tmp_path, "hook")
    journal.waiting("hook")
    journal.append(finished(0))
    journal.note("hook", finished(0).id)
    (tmp_path / "events.jsonl").rename(tmp_path / "events.jsonl.1")
    journal.append(finished(1))
    assert numbers(tmp_path) == [1]
    assert waiting(opened(tmp_path, "hook"), "hook") == [1]


def test_on_a_full_disk_events_wait_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = opened(tmp_path)
    journal.append(finished(0))
    size = (tmp_path / "events.jsonl").stat().st_size
    with disk_full_at(size + 100), caplog.at_level(logging.WARNING, "vidcls"):
        assert journal.append(finished(1)) == []
        assert journal.append(finished(2)) == []
        assert numbers(tmp_path) == [0]
    assert [int(entry.id, 16) for entry in journal.retry()] == [1, 2]
    assert numbers(tmp_path) == [0, 1, 2]
    assert sum("cannot be written down" in message for message in caplog.messages) == 1


def test_our_own_journal_stays_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "MAX_WAITING", 9)
    journal = opened(tmp_path, "hook", max_bytes=20_000)
    journal.waiting("hook")
    for number in range(200):
        journal.append(finished(number))
        journal.note("hook", finished(max(0, number - 5)).id)
        assert (tmp_path / "events.jsonl").stat().st_size < 21_000
    assert numbers(tmp_path)[-10:] == list(range(190, 200))
    assert waiting(opened(tmp_path, "hook"), "hook") == [195, 196, 197, 198, 199]


def test_of_a_long_file_only_the_end_is_read(tmp_path: Path) -> None:
    opened(tmp_path)
    line = json.dumps(finished(7).to_dict()) + "\n"
    (tmp_path / "events.jsonl").write_text(line * 30_000)
    assert len(journals.read_last(tmp_path / "events.jsonl", count=100)) == 100


def test_one_process_at_a_time_has_a_folder(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from vidcls.watch.lock import only_one\n"
        f"with only_one(Path({str(tmp_path / 'state')!r})):\n print('there', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"there\n"
        with pytest.raises(ValueError, match=r"another vidcls watch .* --state"), only_one(tmp_path / "state"):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with only_one(tmp_path / "state"):
        pass


def test_lines_of_others_are_passed_over(tmp_path: Path) -> None:
    """Whatever they are, also where they look like events: no receiver is sent one, and no start fails at them."""
    journal = opened(tmp_path, "hook")
    journal.append(finished(0))
    journal.note("hook", finished(0).id)
    others = [
        {"id": "note-1", "text": "lens cleaned"},
        {**finished(1).to_dict(), "camera": "#"},
        {**finished(1).to_dict(), "start": "2026-11-29T12:00:00"},
        {**finished(1).to_dict(), "state": "provisional"},
    ]
    with (tmp_path / "events.jsonl").open("a") as file:
        file.writelines(json.dumps(other) + "\n" for other in others)
    again = opened(tmp_path, "hook")
    assert waiting(again, "hook") == []
    assert again.recent(5) == [finished(0)]
    again.append(finished(2))
    assert waiting(opened(tmp_path, "hook"), "hook") == [2]


def test_another_file_is_begun_with_what_is_to_come_and_so_is_the_first_one_again(tmp_path: Path) -> None:
    first = opened(tmp_path, "hook")
    assert waiting(first, "hook") == []
    for number in range(3):
        first.append(finished(number))
    first.note("hook", finished(2).id)
    (tmp_path / "other").mkdir()
    other = Journal(
        tmp_path / "other" / "events.jsonl", positions=tmp_path / "positions", receivers=["hook"], max_bytes=None
    )
    assert waiting(other, "hook") == []
    other.append(finished(3))
    other.note("hook", finished(3).id)
    assert waiting(opened(tmp_path, "hook"), "hook") == []


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1]", b"null", b"{}"])
def test_where_a_position_is_damaged_all_is_sent_and_that_is_said(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = opened(tmp_path, "hook")
    for number in range(3):
        first.append(finished(number))
    first.note("hook", finished(1).id)
    position = tmp_path / "positions" / "hook.json"
    position.write_bytes(content)
    assert waiting(opened(tmp_path, "hook"), "hook") == [0, 1, 2]
    assert caplog.messages == [f"{position}: is damaged; hook is sent all events anew"]


def test_a_journal_that_cannot_be_cut_back_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened(tmp_path, max_bytes=100)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journals, "write_whole", full)
    assert [entry.id for number in range(3) for entry in journal.append(finished(number))] == [
        finished(number).id for number in range(3)
    ]
    assert numbers(tmp_path) == [0, 1, 2]


def test_one_process_at_a_time_writes_to_a_file(tmp_path: Path) -> None:
    with only_writer(tmp_path / "events.jsonl"):
        code = (
            "from pathlib import Path; from vidcls.watch.lock import only_writer; "
            f"only_writer(Path({str(tmp_path)!r}, 'events.jsonl')).__enter__()"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "another vidcls watch writes its events there" in done.stderr
