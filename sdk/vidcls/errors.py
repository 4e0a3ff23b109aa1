"""Everything vidcls raises on purpose.

    VidclsError
    ├── ModelError       the file is not a vidcls model, or it is damaged
    ├── VideoError       the video cannot be opened or has no usable frame; names the path
    ├── DeviceError      the device asked for cannot be used; says what is missing
    └── DependencyError  a package is missing, or of a version that does not work; gives the pip line

Wrong arguments raise ValueError and TypeError; a ValueError of ours is an ArgumentError, so that the command lines can
distinguish what the user typed from what went wrong in a library.
"""

from __future__ import annotations

from vidcls.printable import printable

# Longer than any sentence of ours. What was quoted from elsewhere is cut in its middle.
MAX_SENTENCE = 2000


class VidclsError(Exception):
    """Base of every error that vidcls raises on purpose; its text is one sentence for the user.

    Whatever a file, a server or a library contributed to the sentence, it is one line of at most 2,000 characters, and
    none of them is a control character.

    Examples:
        >>> try:
        ...     VideoClassifier("gone.onnx")
        ... except VidclsError as error:
        ...     print(error)
        gone.onnx: there is no such file; export a model with vidcls-export
    """

    def __str__(self) -> str:
        return printable(super().__str__(), limit=MAX_SENTENCE)


class ArgumentError(ValueError):
    """An argument or a setting is not what it may be: the ValueError that the command lines call wrong usage."""

    def __str__(self) -> str:
        return printable(super().__str__(), limit=MAX_SENTENCE)


class ModelError(VidclsError):
    """The file is not a vidcls model, does not keep its contract, or is damaged.

    Examples:
        >>> try:
        ...     VideoClassifier("clip.avi")
        ... except ModelError as error:
        ...     "is a video, and the model comes first" in str(error)
        True
    """


class VideoError(VidclsError):
    """The video cannot be opened or has no usable frame.

    `path` is the video as the caller named it.

    Examples:
        >>> try:
        ...     VideoClassifier("model.onnx").predict("gone.avi")
        ... except VideoError as error:
        ...     print(error)
        gone.avi: there is no such file
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)  # so that it can be sent to another process
        self.path = path
        self._problem = problem

    def __str__(self) -> str:
        return printable(f"{self.path}: {self._problem}", limit=MAX_SENTENCE)


class DeviceError(VidclsError):
    """The device asked for cannot be used on this machine.

    Examples:
        >>> try:
        ...     VideoClassifier("model.onnx", device="cuda", engine="openvino")
        ... except DeviceError as error:
        ...     "is for CPUs" in str(error)
        True
    """


class DependencyError(VidclsError, ImportError):
    """A package that this call needs is not installed; the text gives the pip line.

    Examples:
        >>> issubclass(DependencyError, ImportError)
        True
    """
