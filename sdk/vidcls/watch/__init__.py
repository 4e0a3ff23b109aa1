"""Cameras that are watched for good: a page, and events that go where they are needed ([live])."""
