"""Logits and a decision -> a prediction."""

from __future__ import annotations

from vidcls.prediction.prediction import Prediction

__all__ = ["Prediction"]
