"""Runs a stranger's code: in a worker that can neither read, write, connect nor signal, behind a wire of plain data.

`submission` reads a stranger's files. `service` starts a `zygote`, which forks a `worker` for each from a warm process
that has seen no solution. `confine` shuts it in, by `landlock` and `seccomp`. `values` cross in the messages of `wire`;
`proxy` is the trusted side's end.
"""
