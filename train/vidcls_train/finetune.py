"""One training, from DATA to a checkpoint folder: config -> data -> audit -> model -> trainer -> output."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import TrainerCallback, set_seed

from vidcls.contract import Contract, configured_tokens, tokens_text
from vidcls.files.run_status import mark_unfinished
from vidcls.progress import Track, untracked
from vidcls.versions import check_training
from vidcls_train.audit.check import DataCheck, check_clips
from vidcls_train.audit.findings import log_findings, refuse_worthless
from vidcls_train.audit.report import write_data_report
from vidcls_train.config.precision import check_precision
from vidcls_train.config.processes import process_rank
from vidcls_train.config.settings import TrainConfig, save_settings, train_config
from vidcls_train.data.clip_list import MULTI_LABEL, SINGLE_LABEL, ClipList
from vidcls_train.data.datasets import ViewDataset
from vidcls_train.data.directional_labels import directional_labels
from vidcls_train.data.negatives import check_negatives, find_negatives
from vidcls_train.data.preparation import PreparedClips, open_frame_cache, prepare
from vidcls_train.data.sources import find_clips
from vidcls_train.data.targets import targets_of
from vidcls_train.data.training_clips import training_clips
from vidcls_train.model.draft_contract import draft_contract
from vidcls_train.model.few_clips import few_clips_notices
from vidcls_train.model.from_config import starting_point
from vidcls_train.model.patch_embedding import is_zero_mean, whiten
from vidcls_train.model.pretrained import freeze_encoder
from vidcls_train.model.recipe import recipe_for
from vidcls_train.model.teacher import load_teacher, view_of
from vidcls_train.model.teaching import find_teacher, larger_image, teacher_settings
from vidcls_train.model.tokens import token_notices
from vidcls_train.model.window import window_notices, with_window
from vidcls_train.output.checkpoint import write_decision, write_results, write_weights
from vidcls_train.output.decision import fit
from vidcls_train.output.fingerprints import clip_fingerprints, fitting_a_contract
from vidcls_train.output.finished import complete, finished_training
from vidcls_train.output.hub import check_push, push
from vidcls_train.output.metrics import measure
from vidcls_train.output.negatives import score_negatives
from vidcls_train.output.remaining import time_after_training
from vidcls_train.output.run_clips import RunClips, check_same_clips, run_clips, save_clips
from vidcls_train.output.run_folder import UNPACKED_FOLDER, beginning, check_output
from vidcls_train.output.samples import write_training_samples
from vidcls_train.output.scored import score
from vidcls_train.output.teacher import beside_teacher
from vidcls_train.output.tokens import compare_with_all_tokens
from vidcls_train.teacher_file import TeacherFile
from vidcls_train.trainer.class_weights import class_weights
from vidcls_train.trainer.classification import ClassificationTrainer
from vidcls_train.trainer.distillation import distillation_of
from vidcls_train.trainer.distributed import (
    by_first_process,
    join_processes,
    leave_processes,
    takes_gpu,
)
from vidcls_train.trainer.steps import STEPS_FOLDER

_LOG = logging.getLogger("vidcls.train")


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is known before a step is trained: the whole configuration, and the readable clips.

    done: what metrics.json says of a training that is over and whose steps are removed.
    """

    config: TrainConfig
    contract: Contract
    teacher: TeacherFile | None
    flip: bool
    checked: DataCheck
    prepared: PreparedClips
    done: dict[str, Any] | None


def train(
    settings: Mapping[str, Any],
    *,
    on_epoch: Callable[[str], None] = _LOG.info,
    callbacks: Sequence[TrainerCallback] = (),
    track: Track = untracked,
) -> dict[str, Any] | None:
    """Train, evaluate, and write a checkpoint folder; returns what metrics.json holds.

    Where torchrun or accelerate started several processes, the first one does all but the training itself; the others
    return None.

    Args:
        settings: by name, at least data and output; see `config.settings.train_config`.
        on_epoch: takes a line after each epoch.
        callbacks: of the Trainer, in the first process.
        track: shows the progress of what comes before and after the epochs.

    Raises:
        DependencyError: this Python or this transformers is known not to work.
        DataError: DATA cannot be trained on.
        ModelError: the base checkpoint cannot be loaded.
        DeviceError: the device is not there.
        HubError: the hub does not take a push.
        OutOfMemoryError: the model does not fit with this batch size.
        DivergedError: the loss is NaN or infinite.
        DamagedRunError: a file of the run to resume is damaged or missing.
        ValueError: a setting is wrong, settings do not fit together, or the output folder is taken.
    """
    check_training("training")
    run = train_config(settings).run
    join_processes(run.device)
    check_precision(run, on_gpu=takes_gpu(run.device))
    plan = by_first_process(lambda: _plan(settings, track))
    trainer = _trainer(plan)
    if plan.done is None:
        after = time_after_training(
            trainer,
            plan.prepared,
            plan.contract,
            negatives=len(find_negatives(plan.config.decision.negatives)),
            region=plan.config.classification.region,
        )
        seconds = trainer.fit(plan.config, on_epoch=on_epoch, callbacks=callbacks, seconds_after=after)
    else:
        seconds = plan.done["seconds"]
    leave_processes()
    return _results(plan, trainer, seconds=seconds, track=track) if process_rank() == 0 else None


def _plan(asked: Mapping[str, Any], track: Track) -> _Plan:
    config = train_config(asked)
    output = config.run.output
    check_output(config)
    if config.run.push_to_hub:
        check_push(config.run.push_to_hub)
    settings = with_window(asked)
    config = train_config(settings)
    with beginning(output):
        found = _find(config, track)
        teacher = find_teacher(config, found, notice=_LOG.info)
        start = starting_point(config, found.labels, found.problem_type)
        made, known = start.model.config, {**settings, **teacher_settings(config, teacher)}
        tokens = tokens_text(configured_tokens(made))
        config = recipe_for(known, kind=made.model_type, layers=made.num_hidden_layers, tokens=tokens)
        for notice in (*start.notices, *window_notices(config), *token_notices(start.model, config.regularization)):
            _LOG.info(notice)
        done = finished_training(config)
        contract = draft_contract(config, found, start)
        flip, region = _flip(config, found.labels), config.classification.region
        cache = open_frame_cache(larger_image(contract.image, teacher), cache_gb=config.data.cache_gb, region=region)
        checked = check_clips(
            found,
            val_fraction=config.classification.val_fraction,
            seed=config.run.seed,
            clip_seconds=config.data.clip_seconds,
            known_to=[start.origin.clips, None if teacher is None else teacher.contract.source.clips],
            cache=cache,
            track=track,
        )
        clips = run_clips(config, found, checked, unpacked=output / UNPACKED_FOLDER)
        check_same_clips(output, clips)
        refuse_worthless(checked.report, allow_duplicates=config.classification.allow_duplicates)
        _begin(config, clips)
    log_findings(checked.report)
    for notice in few_clips_notices(config.model, clips=len(checked.splits.train), labels=len(contract.labels)):
        _LOG.info(notice)
    write_data_report(checked.report, output)
    prepared = prepare(
        checked.splits,
        contract,
        cache=cache,
        cached=checked.cached,
        views_folder=output / STEPS_FOLDER / "val",
        region=region,
        track=track,
    )
    return _Plan(
        config=config, contract=contract, teacher=teacher, flip=flip, checked=checked, prepared=prepared, done=done
    )


def _begin(config: TrainConfig, clips: RunClips) -> None:
    """Write what a run is known by into its folder."""
    config.run.output.mkdir(parents=True, exist_ok=True)
    mark_unfinished(config.run.output)
    save_settings(config)
    save_clips(config.run.output, clips)


def _find(config: TrainConfig, track: Track) -> ClipList:
    """The clips of DATA, none of which is among the negatives."""
    negatives = find_negatives(config.decision.negatives)
    found = find_clips(
        config.data.data,
        unpack_to=config.run.output / UNPACKED_FOLDER,
        clip_seconds=config.data.clip_seconds,
        seed=config.run.seed,
        track=track,
    )
    check_negatives(negatives, found.clips)
    return found


def _trainer(plan: _Plan) -> ClassificationTrainer:
    config, contract, prepared = plan.config, plan.contract, plan.prepared
    teacher = load_teacher(plan.teacher, contract.labels, device=config.run.device)  # which draws random numbers
    # Every process makes the same model, from its own copy of the base and the same seed.
    set_seed(config.run.seed)
    activation = contract.decision.activation
    problem_type = MULTI_LABEL if activation == "sigmoid" else SINGLE_LABEL
    model = starting_point(config, contract.labels, problem_type).model
    targets = targets_of(prepared.train, contract.labels)
    clips = training_clips(
        prepared.train_videos,
        targets,
        config,
        image=contract.image,
        frames=contract.sampling.frames,
        flip=plan.flip,
        teacher=view_of(teacher, contract),
    )
    if config.model.preset is not None and is_zero_mean(model):
        whiten(model.videomae, clips)
    if config.classification.head_only:
        freeze_encoder(model)
    if process_rank() == 0:
        write_training_samples(clips, prepared.train, contract, config.run.output / "samples.gif")
    return ClassificationTrainer(
        config,
        model,
        train=clips,
        val=ViewDataset(prepared.val_views, targets_of(prepared.val, contract.labels), contract),
        class_weights=class_weights(targets, config.classification.class_weights, activation=activation),
        distillation=distillation_of(config, teacher, flip=plan.flip),
    )


def _results(plan: _Plan, trainer: ClassificationTrainer, *, seconds: float, track: Track) -> dict[str, Any]:
    config, prepared, checked = plan.config, plan.prepared, plan.checked
    output, region = config.run.output, config.classification.region
    if plan.done is None:
        trainer.keep_best()
    else:
        trainer.take_over(output, plan.done)
    # Before anything is scored, fitted or drawn: nothing that goes wrong from here on may cost the training.
    known = clip_fingerprints(prepared, checked, base=plan.contract.source.clips)
    written = None if config.decision.no_fingerprints else fitting_a_contract(known)
    contract = write_weights(output, trainer, plan.contract, prepared, clips=written)
    val = score(trainer, prepared.val, contract, region=region, label="scoring val", track=track)
    negatives = score_negatives(trainer, config.decision.negatives, contract, known=known, region=region, track=track)
    fitted = fit(
        val,
        contract,
        copies=checked.copies["val"],
        negatives=negatives,
        target_precision=config.decision.target_precision,
        false_alarm_rate=config.decision.false_alarm_rate,
    )
    contract = write_decision(output, contract, fitted.decision)
    device = trainer.model.device
    whole = compare_with_all_tokens(output, val, contract, device=device, region=region, track=track)
    results = measure(
        trainer,
        prepared,
        contract,
        checked,
        val=val,
        negatives=negatives,
        fitted=fitted,
        region=region,
        all_tokens=whole,
        seconds=seconds,
        track=track,
    )
    results = beside_teacher(results, trainer, contract, track=track)
    write_results(output, trainer, contract, results, track=track)
    complete(config)
    if config.run.push_to_hub:
        push(output, config.run.push_to_hub)
    return results.metrics


def _flip(config: TrainConfig, labels: tuple[str, ...]) -> bool:
    if config.classification.flip != "auto":
        return config.classification.flip == "on"
    directional = directional_labels(labels)
    if directional:
        _LOG.info(
            "no horizontal flips: the label '%s' speaks of a direction (--flip on flips all the same)", directional[0]
        )
    return not directional
