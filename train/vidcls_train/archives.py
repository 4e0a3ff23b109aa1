"""Archives of clips -> a folder, never writing outside it."""

from __future__ import annotations

import stat
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

ARCHIVE_ENDINGS = (".tar.gz", ".tgz", ".tar", ".zip")


def is_archive(path: Path) -> bool:
    """Whether the file's name says it is an archive that `unpack` reads."""
    return path.name.lower().endswith(ARCHIVE_ENDINGS)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the plain files of a tar or zip archive into `folder`.

    Raises:
        ValueError: damaged, or it holds an entry that would land outside the folder, or a link.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if archive.name.lower().endswith(".zip"):
            _unpack_zip(archive, folder)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter=_plain_files)  # noqa: S202 - the filter keeps it inside
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(f"{archive}: cannot be unpacked ({error}); check that the archive is complete") from error


def _plain_files(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    if not (member.isfile() or member.isdir()):
        raise tarfile.FilterError(f"'{member.name}' is a link or a device, only plain files are taken")
    return tarfile.data_filter(member, folder)


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            parts = PurePosixPath(member.filename.replace("\\", "/"))
            if parts.is_absolute() or ".." in parts.parts or ":" in member.filename:
                raise zipfile.BadZipFile(f"'{member.filename}' would land outside the folder")
            if stat.S_ISLNK(member.external_attr >> 16):
                raise zipfile.BadZipFile(f"'{member.filename}' is a link, only plain files are taken")
        opened.extractall(folder)  # noqa: S202 - every name was checked above
