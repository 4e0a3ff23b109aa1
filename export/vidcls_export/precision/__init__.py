"""An fp32 graph -> fp16 or int8."""
