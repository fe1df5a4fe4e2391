"""Reading the kernels' machine code: see `benchmarks/asm.py`."""
