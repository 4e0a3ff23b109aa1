"""Many videos on many machines: what is to be done, the Ray job that does it, and its answers in Parquet ([ray])."""
