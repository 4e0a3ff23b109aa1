"""A zip -> its entries."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from functools import partial

from vidcls_train.data.archive_entries import Claims, Entry, inner_name, not_plain

# What a Mac adds to its zips: a shadow file with the Finder's data for every real one.
_MAC_SHADOWS = "__MACOSX"


def zip_entries(opened: zipfile.ZipFile, claims: Claims) -> Iterator[Entry]:
    """The plain files and folders, in order.

    A member is never read beyond the size that it states, however long its compressed bytes would become.

    Raises:
        RefusedEntryError: an entry is no plain file, or would land outside the folder.
        TooLargeError: they would take more than there is room for.
    """
    for member in opened.infolist():
        claims.add(member.file_size)
        # With / between its folders, whatever the packer wrote.
        stored = member.filename.replace("\\", "/")
        name = inner_name(stored)
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise not_plain(stored)
        if name.parts[:1] == (_MAC_SHADOWS,):
            continue
        is_folder = stored.endswith("/")
        yield Entry(name=name, size=member.file_size, open=None if is_folder else partial(opened.open, member))
