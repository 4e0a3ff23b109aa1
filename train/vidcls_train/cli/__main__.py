"""`python -m vidcls_train.cli` is the command `vidcls-train`, for torchrun and accelerate launch."""

from vidcls_train.cli.finetune import main

main()
