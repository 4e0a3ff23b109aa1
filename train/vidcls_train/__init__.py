"""Fine-tune VideoMAE on a folder of labelled clips; what comes out carries its contract."""
