"""Everything vidcls raises on purpose.

    VidclsError
    ├── ModelError       the file is not a vidcls model, or it is damaged
    ├── VideoError       the video cannot be opened or has no usable frame; names the path
    ├── DeviceError      the device asked for cannot be used; says what is missing
    └── DependencyError  a package is missing, or of a version that does not work; gives the pip line

Wrong arguments raise Python's own ValueError and TypeError.
"""

from __future__ import annotations


class VidclsError(Exception):
    """Base of every error that vidcls raises on purpose; its text is one sentence for the user.

    Examples:
        >>> try:
        ...     VideoClassifier("gone.onnx")
        ... except VidclsError as error:
        ...     print(error)
        gone.onnx: there is no such file; export a model with vidcls-export
    """


class ModelError(VidclsError):
    """The file is not a vidcls model, does not keep its contract, or is damaged.

    Examples:
        >>> try:
        ...     VideoClassifier("clip.avi")
        ... except ModelError as error:
        ...     "damaged, cut off, or of another kind" in str(error)
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
        return f"{self.path}: {self._problem}"


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
