"""VideoClassifier: from a video file to a prediction, in one straight line."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.clips import SampledClips, check_views
from vidcls.contract import ModelContract
from vidcls.errors import ModelError, VideoError
from vidcls.live.stream import Pace, Stream, open_stream
from vidcls.many import classify_many
from vidcls.pipeline import look
from vidcls.prediction import Prediction
from vidcls.preprocessing import crop_frames, normalise
from vidcls.runtime.model import open_model
from vidcls.runtime.session import Device, Engine
from vidcls.selftest import Verification, file_sha256, pattern_1
from vidcls.temporal.timeline import CHANGE_ODDS, Segment, check_change_odds, segments
from vidcls.video.reader import Decoder, VideoSource


class VideoClassifier:
    """A video classifier in one ONNX file made by vidcls-export.

    Everything about sampling, pixels and labels comes from the contract in the file. One classifier
    may be used by many threads at once: it keeps nothing between calls, and answers are the same.
    """

    def __init__(
        self, model: str | os.PathLike[str], *, device: Device = "auto", engine: Engine = "onnxruntime"
    ) -> None:
        """Open a model.

        Args:
            model: path of the ONNX file.
            device: "auto" takes CUDA where it works, else the CPU; "cpu"; "cuda" never falls back.
            engine: what computes: "onnxruntime", or "openvino" on the CPU, from the same file.

        Raises:
            ModelError: the file is not a vidcls model, or is damaged.
            DeviceError: "cuda" cannot be used on this machine.
            DependencyError: the engine is not installed.
        """
        self._path = Path(model)
        self._session, self._contract = open_model(self._path, device=device, engine=engine)

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in class-id order."""
        return self._contract.labels

    @property
    def device(self) -> str:
        """Where the model runs: "cpu" or "cuda"."""
        return self._session.device

    @property
    def device_reason(self) -> str:
        """Why it runs there, for people: with "auto", also what keeps it from CUDA."""
        return self._session.device_reason

    @property
    def provider(self) -> str:
        """What computes there: the name of onnxruntime's provider, or OpenVINO and its version."""
        return self._session.provider

    @property
    def contract(self) -> ModelContract:
        """What the model says of itself."""
        return self._contract

    def predict(
        self, video: int | VideoSource, *, views: int = 1, crops: int = 1, decoder: Decoder = "auto"
    ) -> Prediction:
        """Classify a video.

        Args:
            video: path, URL, or open binary file. A camera's number, or an rtsp:// or other live URL, is
                watched from now on for one clip length.
            views: windows of the model's clip length, spread evenly over the video; one lies in
                the middle.
            crops: 1 (middle) or 3 (along the long side). The logits are the mean over views x crops.
            decoder: "auto" is OpenCV, and PyAV for a codec that this build of OpenCV lacks; "opencv"; "pyav".

        Raises:
            VideoError: the video cannot be opened or has no usable frame.
            DependencyError: decoder="pyav" without PyAV.
            ModelError: the model does not answer with finite numbers.
            ValueError: views or crops is out of range, or crops=3 on a model that stretches.
        """
        return self._classify(look(video, self._contract, views=views, crops=crops, decoder=decoder))

    def predict_many(
        self, videos: Iterable[int | VideoSource], *, views: int = 1, crops: int = 1, decoder: Decoder = "auto"
    ) -> Generator[Prediction | VideoError, None, None]:
        """Classify many videos, faster than one by one: threads decode what comes next during inference.

        Args:
            videos: paths or URLs; taken as they are needed, so there may be endlessly many. Memory
                does not depend on how many there are.
            views, crops, decoder: as for `predict`.

        Returns:
            One answer per video, in their order: its Prediction, the same as `predict` gives, or the
            VideoError that it failed with, which is handed out and not raised, so that one bad file
            does not stop the rest:

                for path, answer in zip(paths, classifier.predict_many(paths)):
                    print(path, answer if isinstance(answer, VideoError) else answer.label)

            Inference runs in the thread that iterates. Closing the iterator stops the others.

        Raises:
            ModelError: the model does not answer with finite numbers.
            ValueError: as for `predict`.
        """
        check_views(self._contract, views=views, crops=crops)
        return classify_many(videos, self._contract, self._classify, views=views, crops=crops, decoder=decoder)

    def stream(
        self,
        source: int | VideoSource,
        *,
        pace: Pace = "realtime",
        step_seconds: float | None = None,
        timeout_seconds: float = 5.0,
    ) -> Stream:
        """Classify what a camera sees now, or a file as if it was filmed now, window after window.

            with classifier.stream(0) as records:
                for record in records:
                    print(record.time, record.label, record.score)

        A thread reads the source. Windows last as long as the model's clips, in seconds whatever the
        camera's rate, and hold the frames that `predict` would take from them. Where the model is
        slower than the camera, windows are dropped and counted, and the answers stay as fresh.
        A camera or network stream that is lost is opened again, with pauses that grow to 30 s; the
        logger "vidcls" tells, and the next record's gap_seconds.

        Args:
            source: a camera's number, an RTSP or HTTP URL, or a file.
            pace: "realtime", or for files "fastest": every window, none dropped, with the same answers
                each time.
            step_seconds: from one window's start to the next one's; by default half a window.
            timeout_seconds: a network stream that cannot be opened, or is silent, for so long is lost.

        Raises:
            VideoError: the source cannot be opened; while iterating, a file cannot be decoded.
            ModelError: while iterating, the model does not answer with finite numbers.
            ValueError: an argument is out of its range.
        """
        return open_stream(
            source,
            self._contract,
            self._classify,
            pace=pace,
            step_seconds=step_seconds,
            timeout_seconds=timeout_seconds,
        )

    def timeline(self, video: VideoSource, *, change_odds: float = CHANGE_ODDS) -> list[Segment]:
        """Tell what happens when in a whole video: segments without gaps, from its start to its end.

        Windows step by half the clip length; a border lies in the middle of a window, so a segment
        much shorter than a window goes unseen.

        Args:
            video: path or URL, of any length.
            change_odds: a change of label counts only if it makes the windows' answers together this
                many times more probable; at least 1, which takes every change.

        Raises:
            VideoError, ModelError: as for `predict`.
            ValueError: change_odds is less than 1.
        """
        check_change_odds(change_odds)
        with self.stream(video, pace="fastest") as records:
            return list(segments(records, duration=records.duration or 0.0, change_odds=change_odds))

    def predict_frames(self, frames: npt.NDArray[np.uint8]) -> Prediction:
        """Classify exactly these frames.

        Args:
            frames: uint8 RGB [T, H, W, 3], upright, T as many as the model takes; resized and
                cropped (one crop, in the middle) like a video's.

        Raises:
            TypeError: not a uint8 array.
            ValueError: of another shape.
        """
        _check_frames(frames, expected=self._contract.sampling.frames)
        started = time.perf_counter()
        cropped = np.stack(list(crop_frames(frames, self._contract.image, crops=1)), axis=1)
        crop_ms = (time.perf_counter() - started) * 1000
        timestamps = np.empty((0, len(frames)))
        return self._classify(
            SampledClips(
                frames=cropped, windows=[], timestamps=timestamps, decoded_share=None, decode_ms=0.0, crop_ms=crop_ms
            )
        )

    def verify(self) -> Verification:
        """Prove on this device that the answers are still the trained model's.

        The file must hash to what its contract records, and the logits of a generated clip must be
        PyTorch's, within the tolerance that the contract states.
        """
        test, model = self._contract.self_test, self._contract.model
        clip = pattern_1(frames=self._contract.sampling.frames, height=test.height, width=test.width)
        difference, problem = np.float64(np.nan), None
        try:
            difference = np.abs(self.predict_frames(clip).logits.astype(np.float64) - np.array(test.logits)).max()
            if difference > test.tolerance:
                problem = f"the logits differ from PyTorch's by {difference:.2g}, more than {test.tolerance:g}"
        except ModelError as error:
            problem = str(error)
        if file_sha256(self._path, recorded=model.file_sha256) != model.file_sha256:
            problem = "the file's bytes are not those that were exported; copy or export it again"
        return Verification(
            ok=problem is None,
            max_abs_diff=float(difference),
            tolerance=test.tolerance,
            device=self.device,
            precision=model.precision,
            problem=problem,
        )

    def _classify(self, seen: SampledClips) -> Prediction:
        """The mean over views and crops of what the model says of them."""
        logits, preprocess_ms, inference_ms = self._logits(seen.frames)
        preprocess_ms += seen.crop_ms
        return Prediction(
            labels=self.labels,
            logits=logits.mean(axis=0),
            windows=seen.windows,
            timestamps=seen.timestamps,
            decoded_share=seen.decoded_share,
            device=self.device,
            timing_ms={
                "decode": seen.decode_ms,
                "preprocess": preprocess_ms,
                "inference": inference_ms,
                "total": seen.decode_ms + preprocess_ms + inference_ms,
            },
        )

    def _logits(self, frames: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], float, float]:
        """Logits [N, labels] of uint8 frames [N, T, h, w, 3], and the ms of preprocessing and inference.

        On the CPU views run one at a time, so that memory and answers do not depend on how many there
        are; a CUDA card needs several at once to be busy.
        """
        logits, preprocess_seconds, inference_seconds = [], 0.0, 0.0
        for start in range(0, len(frames), self._session.batch):
            views = frames[start : start + self._session.batch]
            before = time.perf_counter()
            pixel_values = normalise(views, self._contract.image) if self._contract.model.input.normalised else views
            between = time.perf_counter()
            logits.append(self._session.run(pixel_values))
            preprocess_seconds += between - before
            inference_seconds += time.perf_counter() - between
        if not all(np.isfinite(part).all() for part in logits):
            raise ModelError(f"{self._path}: the model's logits are not finite on {self.device}; export it as fp32")
        return np.concatenate(logits), preprocess_seconds * 1000, inference_seconds * 1000


def _check_frames(frames: npt.NDArray[np.uint8], *, expected: int) -> None:
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
        kind = f"{frames.dtype} array" if isinstance(frames, np.ndarray) else type(frames).__name__
        raise TypeError(f"frames is a {kind}, expected a uint8 numpy array [T, H, W, 3], RGB")
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise ValueError(f"frames has shape {list(frames.shape)}, expected [{expected}, H, W, 3]")
    if len(frames) != expected:
        raise ValueError(f"frames holds {len(frames)} frames, expected {expected}, the number this model takes")
