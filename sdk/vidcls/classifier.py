"""VideoClassifier: from a video file to a prediction, in one straight line."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from functools import partial
from typing import Any

from vidcls import pipeline, selftest
from vidcls.clips import SampledClips, check_views, crop_clip
from vidcls.concurrency.daemons import call_of_the_program
from vidcls.errors import VideoError
from vidcls.explanation.explanation import Explanation
from vidcls.explanation.occlusion import RUNS, check_request, explain_clip
from vidcls.inputs.frames import Channels, Frames, Shown, Times, as_frames
from vidcls.inputs.kinds import VideoInput
from vidcls.inputs.sources import every_video
from vidcls.live.stream import Pace, Stream, open_stream
from vidcls.prediction import Prediction
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls.runtime.opened import OpenedModel
from vidcls.selftest import Verification
from vidcls.temporal.timeline import Segment, check_change_odds, segments
from vidcls.video.decoder_check import check_decoders
from vidcls.video.reader import Decoder
from vidcls.video.source import VideoSource


class VideoClassifier(OpenedModel):
    """A video classifier in one ONNX file made by vidcls-export.

    Everything about sampling, pixels and labels comes from the contract in the file. One classifier
    may be used by many threads at once: it keeps nothing between calls, and answers are the same. Pickled, it
    is the file's path and its options: another process opens the same file again.

    Examples:
        >>> classifier = VideoClassifier("model.onnx", device="cpu")
        >>> classifier.predict("clip.avi").label in classifier.labels
        True
    """

    def predict(
        self,
        video: VideoInput | Frames,
        *,
        views: int = 1,
        crops: int = 1,
        region: Region | None = None,
        decoder: Decoder = "auto",
        fps: float | None = None,
        times: Times | None = None,
        channels: Channels = "rgb",
    ) -> Prediction:
        """Classify a video.

        Examples:
            >>> VideoClassifier("model.onnx").predict("clip.avi", views=5, region=(0.5, 0.0, 1.0, 1.0)).timestamps.shape
            (5, 4)
            >>> VideoClassifier("model.onnx").predict([np.zeros((120, 160, 3), np.uint8)] * 50, fps=25.0).windows
            [(0.6, 1.4)]

        Args:
            video: path, URL, bytes or open binary file. A camera's number, or an rtsp:// or other live URL, is watched
                from now on for one clip length. Or a video's frames, uint8 RGB, upright: an array [T, H, W, 3], or a
                list of [H, W, 3], of NumPy or tensors on the CPU. Of folders and patterns: see `predict_many`.
            views: windows of the model's clip length, spread evenly over the video; one lies in the middle.
            crops: 1 (middle) or 3 (along the long side). The logits are the mean over views x crops.
            region: left, top, right, bottom of the part of the picture that the model is given, as shares of it, as if
                nothing else had been filmed; None for all of it. Its edges lie at floor(share * pixels + 1/2).
            decoder: "pyav" (vidcls[av]), "opencv", or "auto": PyAV where it is installed, for its speed, else
                OpenCV. Their pixels are the same; what OpenCV cannot give is refused.
            fps, times: of frames, how many there are a second, or the seconds at which each is shown, strictly
                increasing, from whatever zero. The model's are picked from them as from a file.
            channels: of frames, the order of their colours: "rgb", or "bgr", as OpenCV has it.

        Raises:
            VideoError: the video cannot be opened or has no usable frame, or the region is less than a pixel of it.
            DependencyError: decoder="pyav" without PyAV.
            ModelError: the model does not answer with finite numbers.
            TypeError: no video, or pixels that are not uint8.
            ValueError: an option is out of range; frames of another shape, or without fps and times.
        """
        with call_of_the_program():
            shown = Shown(fps=fps, times=times, channels=channels)
            options: dict[str, Any] = {"views": views, "crops": crops, "region": region, "decoder": decoder}
            return self.predict_clips(pipeline.read_input(video, self._contract, shown, **options))

    def __call__(self, video: VideoInput | Frames, **options: Any) -> Prediction:
        """As `predict`, with its options.

        Examples:
            >>> len(VideoClassifier("model.onnx")("clip.avi", views=2).windows)
            2
        """
        return self.predict(video, **options)

    def predict_clips(self, clips: SampledClips) -> Prediction:
        """Classify clips that are decoded and cropped already: what `predict` does second.

        Examples:
            >>> from vidcls.clips import read_clips
            >>> classifier = VideoClassifier("model.onnx")
            >>> clips = read_clips("clip.avi", classifier.contract, views=2)
            >>> classifier.predict_clips(clips).windows == clips.windows
            True

        Raises:
            ModelError, ValueError: as for `predict`, the latter also of clips that were read for another model.
        """
        with call_of_the_program():
            return pipeline.predict_clips(self._session, self._contract, clips)

    def predict_frames(self, frames: Frames, *, channels: Channels = "rgb", region: Region | None = None) -> Prediction:
        """Classify these frames as one clip, whenever they were taken.

        Examples:
            >>> classifier = VideoClassifier("model.onnx")
            >>> frames = np.zeros((classifier.contract.sampling.frames, 120, 160, 3), np.uint8)
            >>> classifier.predict_frames(frames).logits.shape
            (4,)

        Args:
            frames: as for `predict`, any number of them. As many as the model takes are taken as they are; of others
                it is given frames evenly spread over them, first and last included. They are resized and cropped (one
                crop, in the middle) like a video's.
            channels, region: as for `predict`.

        Raises:
            TypeError: not uint8 pixels.
            ValueError: of another shape, or of several sizes; region is out of range, or less than a pixel.
        """
        with call_of_the_program():
            return self.predict_clips(crop_clip(as_frames(frames, channels=channels), self._contract, region=region))

    def predict_many(
        self,
        videos: VideoInput | Iterable[VideoInput],
        *,
        views: int = 1,
        crops: int = 1,
        region: Region | None = None,
        decoder: Decoder = "auto",
    ) -> Generator[Prediction | VideoError, None, None]:
        """Classify many videos, faster than one by one: threads decode what comes next during inference.

        Examples:
            >>> for answer in VideoClassifier("model.onnx").predict_many(["clip.avi", "gone.avi"]):
            ...     print(answer if isinstance(answer, VideoError) else f"{len(answer.labels)} labels")
            4 labels
            gone.avi: there is no such file
            >>> len(list(VideoClassifier("model.onnx").predict_many("clips")))
            2

        Args:
            videos: a folder, for every video below it, sorted; a pattern such as "clips/*.mp4"; or an iterable of what
                `predict` takes by name or as bytes, one video an item, taken as it is needed; it may be endless.
            views, crops, region, decoder: as for `predict`.

        Returns:
            One answer per video and item, in order: its Prediction, as `predict` gives it, or the VideoError that it
            failed with, handed out and not raised, so that one bad file does not stop the rest. Inference runs in the
            thread that iterates; closing the iterator ends the others.

        Raises:
            VideoError: `videos` is one name, and of no file, or of a folder or a pattern without a video.
            ModelError: the model does not answer with finite numbers.
            TypeError, ValueError: as for `predict`.
        """
        check_views(self._contract, views=views, crops=crops, region=region)
        options: dict[str, Any] = {"views": views, "crops": crops, "region": region, "decoder": decoder}
        read = partial(pipeline.read_source, contract=self._contract, **options)
        return pipeline.predict_each(every_video(videos), read, self.predict_clips)

    def stream(
        self,
        source: int | VideoSource,
        *,
        pace: Pace = "realtime",
        step_seconds: float | None = None,
        timeout_seconds: float = 5.0,
        crops: int = 1,
        region: Region | None = None,
        decoder: Decoder = "auto",
        motion: float = 0.0,
    ) -> Stream:
        """Classify what a camera sees now, or a file as if it was filmed now, window after window.

        Examples:
            >>> with VideoClassifier("model.onnx").stream("clip.avi", pace="fastest") as records:
            ...     len({record.window for record in records})
            4

        A thread reads the source, a live one by a process of its own, so that no call that hangs holds up anybody.
        Windows hold the frames that `predict` would take. Where the model is slower than the camera, windows are
        dropped and counted, and answers stay as fresh. A live source that is lost is opened again, with pauses that
        grow to 30 s: gap_seconds says for how long it was.

        Args:
            source: a camera's number, an RTSP or HTTP URL, or a file.
            pace: "realtime", or for files "fastest": every window, none dropped, with the same answers each time.
            step_seconds: from one window's start to the next one's; by default half a window.
            timeout_seconds: a camera or live stream that cannot be opened, or gives no frame, for so long is lost.
            crops, region, decoder: as for `predict`; live sources are read by OpenCV.
            motion: share of the picture that has to change, 0 to 1, before the model is run again; see the guide.

        Raises:
            VideoError: the source cannot be opened; while iterating, a file cannot be decoded.
            ModelError: while iterating, the model does not answer with finite numbers.
            ValueError: an argument is out of its range.
        """
        with call_of_the_program():
            shown = partial(open_stream, crops=crops, region=region, decoder=decoder, motion=motion)
            paced = partial(shown, pace=pace, step_seconds=step_seconds, timeout_seconds=timeout_seconds)
            return paced(source, self._contract, self.predict_clips)

    def timeline(
        self,
        video: VideoSource,
        *,
        change_odds: float | None = None,
        crops: int = 1,
        region: Region | None = None,
        decoder: Decoder = "auto",
    ) -> list[Segment]:
        """Say what happens when in a whole video: segments without gaps, from its start to its end.

        Windows step by half the clip length; a segment much shorter than a window goes unnoticed. Where nothing known
        happens, by the model's own rule, segments have no label. Of a model whose labels may hold together, each label
        has segments of its own, in the order of their ends; they may overlap.

        Examples:
            >>> VideoClassifier("model.onnx").timeline("long.mp4")[-1].end
            6.0

        Args:
            video: path or URL, of any length.
            change_odds: a change of label counts only if it makes the windows' answers together this many times
                more probable; at least 1, which takes every change. None: as the contract says, else 7.
            crops, region, decoder: as for `predict`.

        Raises:
            VideoError, ModelError: as for `predict`.
            ValueError: change_odds is less than 1; crops or region is out of range.
        """
        check_change_odds(change_odds)
        with self.stream(video, pace="fastest", crops=crops, region=region, decoder=decoder) as records:
            return list(segments(records, duration=lambda: records.duration or 0.0, change_odds=change_odds))

    def explain(
        self,
        video: VideoInput,
        *,
        label: str | None = None,
        runs: int = RUNS,
        region: Region | None = None,
        decoder: Decoder = "auto",
        track: Track = untracked,
    ) -> Explanation:
        """Say which parts of which frames an answer hangs on, by taking parts away, and how far that can be believed.

        Examples:
            >>> VideoClassifier("model.onnx").explain("clip.avi", runs=150).importance.shape
            (4, 32, 32)

        Args:
            video, region, decoder: as for `predict`, but no frames; one clip is explained, of one view and one crop.
            label: what to explain instead of the top-1 label.
            runs: of the model, 150 to 4000: about a hundred check the map, the others make it.
            track: follows the runs, as a progress bar does.

        Raises:
            VideoError, ModelError, TypeError: as for `predict`.
            ValueError: the model has no such label; runs or region is out of range.
        """
        check_request(runs, label, labels=self.labels)
        with call_of_the_program():
            clips = pipeline.read_one(video, self._contract, region=region, decoder=decoder)
            answer = self.predict_clips(clips)
            return explain_clip(clips, answer, self._session, self._contract, label=label, runs=runs, track=track)

    def verify(self) -> Verification:
        """Prove on this device that the answers are still the trained model's.

        The file must hash to what its contract records, and a generated clip's logits must be PyTorch's, within the
        contract's tolerance. Every decoder that is installed must give the frames of small reference clips as they are
        stored, on x86-64 bit for bit.

        Examples:
            >>> VideoClassifier("model.onnx").verify().ok
            True
        """
        with call_of_the_program():
            return selftest.verify(
                self._place,
                self._contract,
                lambda frames: self.predict_frames(frames).logits,
                device=self.device,
                decoders=check_decoders(),
            )
