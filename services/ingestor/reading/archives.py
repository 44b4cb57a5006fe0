"""Zip archives, as DOCX and EPUB are, opened so that a small file cannot become a huge one."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from zlib import error as ZlibError  # noqa: N812 - an exception, though zlib writes it small

from shared.errors import DamagedDocument, EncryptedDocument

_MOST_BYTES = 300 * 2**20  # of all parts unpacked; a thick book's text has 10 MB
_MOST_PARTS = 20_000
_ENCRYPTED = 1  # bit of a part's flags
_BROKEN = (zipfile.BadZipFile, ZlibError, EOFError, KeyError, OSError, ValueError)


class Archive:
    """An open archive.

    Args:
        name: of the file, for messages.
        file: open.
    """

    def __init__(self, name: str, file: zipfile.ZipFile) -> None:
        self._name = name
        self._file = file
        self._left = _MOST_BYTES

    def __contains__(self, part: str) -> bool:
        """Whether there is such a part."""
        return part in self._file.NameToInfo

    def read(self, part: str) -> bytes:
        """Unpack one part.

        Raises:
            DamagedDocument: it is missing, broken or too large.
            EncryptedDocument: it wants a password.
        """
        try:
            info = self._file.getinfo(part)
            if info.flag_bits & _ENCRYPTED:
                raise EncryptedDocument(f"{self._name}: {part} opens only with a password")
            with self._file.open(info) as stream:
                data = stream.read(self._left + 1)
        except (NotImplementedError, *_BROKEN) as exc:
            raise DamagedDocument(
                f"{self._name}: {part} is missing or broken; download or export the file again"
            ) from exc
        self._left -= len(data)
        if self._left < 0:
            raise DamagedDocument(f"{self._name}: it unpacks to more than {_MOST_BYTES:,} bytes")
        return data


@contextmanager
def opened(name: str, data: bytes) -> Iterator[Archive]:
    """Open an archive, and close it whatever happens.

    Raises:
        DamagedDocument: it is cut short or broken, or has too many parts.
    """
    try:
        file = zipfile.ZipFile(BytesIO(data))
    except _BROKEN as exc:
        raise DamagedDocument(
            f"{name}: the file is cut short or broken; download or export it again"
        ) from exc
    with file:
        if len(file.NameToInfo) > _MOST_PARTS:
            raise DamagedDocument(f"{name}: it has more than {_MOST_PARTS:,} parts")
        yield Archive(name, file)
