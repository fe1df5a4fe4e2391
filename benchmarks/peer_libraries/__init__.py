"""One module for each library: `setup(threads)` and `make(workload, data)`.

`make` returns a task: an object with `outputs()`, arrays to compare before anything is timed, and
`run()`, one unit of work from arrays in memory to arrays in memory.
"""

LIBRARIES = {  # name on the command line: (module, package that must be installed)
    "nanocnn": ("nanocnn_", "nanocnn"),
    "torch": ("torch_", "torch"),
    "torch-channels-last": ("torch_", "torch"),
    "tensorflow": ("tensorflow_", "tensorflow"),
    "jax": ("jax_", "jax"),
    "onnxruntime": ("onnxruntime_", "onnxruntime"),
}
